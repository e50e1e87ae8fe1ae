# SPDX-License-Identifier: Apache-2.0
"""Clients ask for more than a conductor has workers for."""

import os

from testtools import content

from ironic_async_events.tests.functional import base
from laboratory import overload
from laboratory import run

SECONDS = float(os.environ.get('OVERLOAD_SECONDS', '60'))


class Overload(base.FunctionalTestCase):
    """For one minute; ``tox -e overload`` does it for ten."""

    def overload(self, plugin: bool) -> overload.Result:
        """Put a service of its own under load."""
        running = self.start(run.Run(plugin=plugin, options=overload.OPTIONS))
        result = overload.measure(running, SECONDS)
        figures = {'requests': result.record.requests}
        figures |= result.account.as_dict()
        self.addDetail('figures', content.json_content(figures))
        return result

    def test_a_request_that_was_refused_never_happened(self):
        result = self.overload(plugin=True)
        self.assertEqual([], result.faults[:10])
        record = result.record
        # Otherwise it was no overload.
        self.assertGreater(record.refused, len(record.accepted))
        self.assertGreater(len(record.accepted), overload.CLIENTS)
        self.assertEqual(
            record.requests, record.refused + len(record.accepted)
        )
        self.assertEqual(overload.CLIENTS * overload.NODES, record.usable)

    def test_on_stock_it_leaves_traces(self):
        record = self.overload(plugin=False).record
        self.assertNotEqual([], record.altered)
        self.assertNotEqual([], record.stranded)
