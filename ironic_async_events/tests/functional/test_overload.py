# SPDX-License-Identifier: Apache-2.0
"""Clients ask for more than a conductor has workers for."""

import os
import sys
import time

from testtools import content

from ironic_async_events.tests.functional import base
from ironic_async_events.tests.functional import overload
from laboratory import clients
from laboratory import deployment

SECONDS = float(os.environ.get('OVERLOAD_SECONDS', '60'))


class Overload(base.FunctionalTestCase):
    """For one minute; ``tox -e overload`` does it for ten."""

    def test_a_request_that_was_refused_never_happened(self):
        running = self.start(
            deployment.Run(plugin=True, options=overload.OPTIONS)
        )
        result = overload.measure(running, SECONDS)
        figures = {'requests': result.record.requests}
        figures |= result.account.as_dict()
        self.addDetail('figures', content.json_content(figures))
        self.assertEqual([], result.faults[:10])
        record = result.record
        # Otherwise it was no overload.
        self.assertGreater(record.refused, len(record.accepted))
        self.assertGreater(len(record.accepted), overload.CLIENTS)
        self.assertEqual(
            record.requests, record.refused + len(record.accepted)
        )
        self.assertEqual(overload.CLIENTS * overload.NODES, record.usable)


class OnStock(base.FunctionalTestCase):
    """The same clients find what a refused request leaves behind."""

    def test_it_leaves_traces(self):
        running = self.start(
            deployment.Run(
                plugin=False,
                command=(sys.executable, '-m', 'laboratory.forced'),
            )
        )
        ironic = running.ironic
        client = clients.Client(ironic.endpoint)
        node = client.lead('manage', 'adopt', 'rescue')
        (ironic.directory / 'full').touch()
        one = overload.Presser(ironic.endpoint, running.eye, [node.id], 0)
        # From there it is rescued again, sooner or later, and stranded.
        one.press(time.monotonic() + 10)
        self.assertNotEqual([], one.record.altered)
        self.assertEqual(
            [f"{node.id} is left in 'rescuing'"], one.record.stranded
        )
