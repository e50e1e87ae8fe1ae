# SPDX-License-Identifier: Apache-2.0

import importlib.util
import os
import pathlib
import subprocess
import sys

import fixtures
from oslotest import base

# From Ironic 32 on; before, programs say that eventlet is deprecated.
NATIVE = importlib.util.find_spec('ironic.command') is not None

GOOD = """
[DEFAULT]
notification_level = info
[oslo_messaging_notifications]
driver = messagingv2
driver = async_events
"""


class StatusTestCase(base.BaseTestCase):
    """The program as an operator runs it."""

    def check(self, configuration, **environment):
        path = self.create_tempfiles([('ironic', configuration)], '.conf')[0]
        done = subprocess.run(
            [
                sys.executable,
                *(() if NATIVE else ('-W', 'ignore')),
                '-m',
                'ironic_async_events.command.status',
                '--config-file',
                path,
                'upgrade',
                'check',
            ],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | environment,
        )
        self.assertNotIn('Warning:', done.stderr)
        # The table breaks its lines.
        text = ' '.join(done.stdout.replace('|', ' ').split())
        return done.returncode, text + done.stderr

    def test_a_good_configuration_passes(self):
        code, text = self.check(GOOD)
        self.assertEqual(0, code, text)
        self.assertIn('Check: Ironic fits Result: Success', text)

    def test_a_driver_that_is_missing_is_named(self):
        code, text = self.check(GOOD.replace('driver = async_events', ''))
        self.assertEqual(2, code)
        self.assertIn(
            '[oslo_messaging_notifications] driver = async_events', text
        )

    def test_notifications_that_are_off_are_a_warning(self):
        code, text = self.check(GOOD.replace('notification_level', '#'))
        self.assertEqual(1, code)
        self.assertIn('[DEFAULT] notification_level = info', text)

    def test_notifications_that_nobody_publishes_are_a_warning(self):
        code, text = self.check(GOOD.replace('driver = messagingv2', ''))
        self.assertEqual(1, code)
        self.assertIn(
            '[oslo_messaging_notifications] driver = messagingv2', text
        )

    def test_an_unknown_task_manager_is_named(self):
        code, text = self.check(GOOD + '[async_events]\ntask_manager = x\n')
        self.assertEqual(2, code)
        self.assertIn('task_manager = x is not known', text)
        self.assertIn('drop_in', text)

    def test_an_unusable_option_is_named(self):
        code, text = self.check(GOOD + '[async_events]\nstart_timeout = x\n')
        self.assertEqual(2, code)
        self.assertIn('[async_events] start_timeout', text)

    def test_an_ironic_that_is_broken_is_said_to_be(self):
        place = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (place / 'automaton.py').write_text('raise RuntimeError("too new")')
        code, text = self.check(GOOD, PYTHONPATH=str(place))
        self.assertEqual(2, code)
        self.assertIn(
            'the conductor of Ironic cannot be imported (RuntimeError: too '
            'new); install the libraries of its release',
            text,
        )
        self.assertNotIn('Traceback', text)

    def test_a_configuration_that_cannot_be_read_is_one_line(self):
        code, text = self.check('nonsense s3cret')
        self.assertEqual(255, code, text)
        self.assertNotIn('s3cret', text)
        self.assertIn('The configuration cannot be read', text)
        self.assertEqual(1, text.count('\n'), text)

    def test_an_outbox_that_cannot_be_judged_tells_no_password(self):
        code, text = self.check(
            GOOD.replace('driver = messagingv2', '')
            .replace('async_events', 'async_events_outbox')
            .replace(
                '[DEFAULT]', '[DEFAULT]\ntransport_url = rabbit://u:s3c[ret@h/'
            )
            + '[database]\n'
            'connection = mysql+pymysql://ironic:s3cret@127.0.0.1:1/ironic\n'
            'max_retries = 1\nretry_interval = 0\n'
        )
        self.assertEqual(2, code, text)
        self.assertIn('The transport URL cannot be read', text)
        self.assertIn('The database cannot be used', text)
        self.assertNotIn('s3c', text)
        self.assertNotIn('Traceback', text)

    def test_a_database_url_that_is_not_encoded_tells_no_password(self):
        for password in ('x@y:s3cret', '\u2100s3cret', 'x$s3cret'):
            code, text = self.check(
                GOOD.replace('driver = messagingv2', '').replace(
                    'async_events', 'async_events_outbox'
                )
                + '[database]\nmax_retries = 1\nretry_interval = 0\n'
                f'connection = mysql+pymysql://u:{password}@127.0.0.1:1/x\n'
            )
            self.assertEqual(2, code, text)
            self.assertIn('The database cannot be used', text)
            self.assertNotIn('s3c', text)
            self.assertNotIn('Traceback', text)
