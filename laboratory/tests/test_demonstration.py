# SPDX-License-Identifier: Apache-2.0
"""The demonstration says by its exit code what its table shows."""

import contextlib
import io
from unittest import mock

import ddt
import fixtures
from oslotest import base

from ironic_async_events.audit import observation
from laboratory import demonstration
from laboratory import deployment
from laboratory import errors
from laboratory import truth

CHANGES = [('node', 'enroll', 'verifying')]
SEEN = observation.Observation(
    'id', 'node', 'provision_set', 'start', 'manage', 'enroll', 'verifying'
)


def result(one, observations, get_violations=()):
    return deployment.Result(
        run=one,
        operations=0,
        observations=observations,
        account=truth.compare(CHANGES, observations),
        get_violations=get_violations,
        seconds=1.0,
    )


@ddt.ddt
class ExitCode(base.BaseTestCase):
    """Zero only when nothing at all is wrong with the plugin's side."""

    def main(self, plugin):
        # main() takes over SIGTERM, which the test runner may need.
        self.useFixture(
            fixtures.MonkeyPatch('signal.signal', lambda *args: None)
        )

        def execute(one, keep):
            return plugin(one) if one.plugin else result(one, [])

        output = io.StringIO()
        with (
            mock.patch.object(
                deployment, 'execute', autospec=True, side_effect=execute
            ),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(output),
        ):
            code = demonstration.main([])
        return code, output.getvalue()

    def test_what_stock_loses_is_no_failure(self):
        code, output = self.main(lambda one: result(one, [SEEN]))
        self.assertEqual(0, code)
        self.assertIn('with the plugin', output)

    @ddt.unpack
    @ddt.data(
        ([], (), 'lost: Change'),
        ([SEEN], ['node inspect: too late'], 'node inspect: too late'),
        ([SEEN, observation.Malformed('x')], (), '1 that cannot be read'),
    )
    def test_what_is_wrong_is_a_failure(self, seen, violations, said):
        code, output = self.main(lambda one: result(one, seen, violations))
        self.assertEqual(1, code)
        self.assertIn(said, output)

    def test_a_run_that_could_not_be_done_says_why(self):
        def fail(one):
            raise errors.LaboratoryError('ironic is missing')

        code, output = self.main(fail)
        self.assertEqual(2, code)
        self.assertIn('demonstration: ironic is missing', output)
