# SPDX-License-Identifier: Apache-2.0
"""The check of the consumers, with a stand-in for RabbitMQ's interface."""

import base64
import http.server
import io
import json
import threading

import fixtures
from oslotest import base

from ironic_async_events.command import status

TOPIC = 'ironic_versioned_notifications'


def binding(queue, key, source='ironic', kind='queue'):
    return {
        'source': source,
        'vhost': '/',
        'destination': queue,
        'destination_type': kind,
        'routing_key': key,
    }


class Management(fixtures.Fixture):
    """Serves answers to a user with a password."""

    def __init__(self, answers):
        self.answers = answers

    def _setUp(self):
        answers = self.answers
        token = base64.b64encode(b'user:p@ss').decode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = answers.get(self.path)
                code = 200 if found is not None else 404
                if self.headers['Authorization'] != f'Basic {token}':
                    code = 401
                self.send_response(code)
                self.end_headers()
                if code == 200:
                    self.wfile.write(json.dumps(found).encode())

            def log_message(self, *_arguments):
                pass

        server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        self.port = server.server_port


class ConsumersTest(base.BaseTestCase):
    def run_program(self, *arguments):
        """Run the program.

        :returns: exit code, standard output, standard error.
        """
        out, err = io.StringIO(), io.StringIO()
        with (
            fixtures.MonkeyPatch('sys.stdout', out),
            fixtures.MonkeyPatch('sys.stderr', err),
        ):
            code = status.main(['consumers', *arguments])
        return code, out.getvalue(), err.getvalue()

    def check(self, bindings, *queues, user='user:p%40ss'):
        port = self.useFixture(
            Management(
                {
                    '/api/bindings': bindings,
                    '/api/queues': [
                        {'vhost': '/', 'name': name} for name in queues
                    ],
                }
            )
        ).port
        return self.run_program('--url', f'http://{user}@127.0.0.1:{port}/')

    def test_all_is_well(self):
        code, out, err = self.check(
            [
                binding('mine', f'{TOPIC}.*'),
                binding('mine', 'mine', source=''),
                binding('other', f'{TOPIC}.info', source='nova'),
                binding('exchange', f'{TOPIC}.info', kind='exchange'),
                binding('deleted just now', f'{TOPIC}.info'),
            ],
            'mine',
            'other',
        )
        self.assertEqual((0, ''), (code, err))
        self.assertEqual(
            '1 queues are bound to exchange ironic, 0 warnings\n', out
        )

    def test_a_consumer_that_never_sees_a_failure(self):
        code, out, err = self.check([binding('mine', f'{TOPIC}.info')], 'mine')
        self.assertEqual((1, ''), (code, err))
        self.assertIn('Warning: queue mine (virtual host /) gets', out)

    def test_what_keeps_it_from_checking_is_255_and_one_line(self):
        code, out, err = self.check([], user='user:secret')
        self.assertEqual((255, ''), (code, out))
        self.assertIn('answers 401 Unauthorized', err)
        self.assertNotIn('secret', err)
        for url, expected in (
            ('http://user:secret@127.0.0.1:1', 'rabbitmq_management'),
            ('127.0.0.1:15672', '--url must be like'),
            ('amqp://127.0.0.1', '--url must be like'),
            ('http://user:sec/ret@127.0.0.1', '--url must be like'),
            ('http://user:1/secret@127.0.0.1', '--url must be like'),
            ('http://user:sec[ret@127.0.0.1', '--url must be like'),
            ('http://user:secret@127.0.0.1:x', '--url must be like'),
        ):
            code, out, err = self.run_program('--url', url)
            self.assertEqual((255, ''), (code, out))
            self.assertIn(expected, err)
            self.assertNotIn('sec', err)
            self.assertNotIn('ret', err)
            self.assertEqual(1, err.count('\n'))
