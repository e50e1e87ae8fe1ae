# SPDX-License-Identifier: Apache-2.0
"""Tests of the one place that keeps credentials out of texts."""

from oslo_config import cfg
from oslotest import base

from ironic_async_events import redaction


class TextTestCase(base.BaseTestCase):
    def test_no_password_is_left(self):
        for text, expected in (
            ('at http://u:s3c@host:6385/v1: gone', 'at //host:6385/v1: gone'),
            ('at http://u:s3c/r3t@host', '//host'),
            ('at http://u:s3c@r3t@host', '//host'),
            ('at http://u:s3c r3t@host', '//host'),
            ('at http://u:s3c"r3t@host', '//host'),
            ("to 'rabbit://u:s3c@one:1,u:s3c@two:2/'", 'two:2'),
            # PyMySQL, when an @ of the password is not encoded.
            ("server on 's3c@host' (refused)", "server on 'host' (refused)"),
            ("netloc 'u:s3c\u2100@host' contains", "netloc 'host' contains"),
        ):
            told = redaction.line(RuntimeError(text))
            self.assertNotIn('s3c', told)
            self.assertNotIn('r3t', told)
            self.assertIn(
                expected.replace('http://', '//'),
                told.replace('http://', '//').replace('***@', ''),
            )

    def test_what_is_no_credential_stays(self):
        for text in (
            "Access denied for user 'ironic'@'localhost'",
            'no answer of http://host:6385/v1/nodes',
        ):
            self.assertEqual(text, redaction.line(RuntimeError(text)))

    def test_only_the_first_line_is_shown(self):
        error = RuntimeError('gone\n[SQL: UPDATE]\n[parameters: s3cret]')
        self.assertEqual('gone', redaction.line(error))

    def test_an_error_without_a_text_has_its_type(self):
        self.assertEqual('RuntimeError', redaction.line(RuntimeError()))

    def test_a_parser_may_repeat_any_piece_of_a_url(self):
        for error in (
            ValueError("Port could not be cast to integer value as 's3c'"),
            cfg.NoSuchOptError('s3c'),
        ):
            told = redaction.line(error)
            self.assertNotIn('s3c', told)
            self.assertIn('cannot be read', told)

    def test_a_line_of_a_configuration_file_is_not_repeated(self):
        conf = cfg.ConfigOpts()
        path = self.create_tempfiles([('bad', 'one = 1\npassword s3cret\n')])
        error = self.assertRaises(
            cfg.ConfigFileParseError, conf, [], default_config_files=path
        )
        told = redaction.line(error)
        self.assertNotIn('s3cret', told)
        self.assertIn(path[0], told)
        self.assertIn('line 2', told)


class WebTestCase(base.BaseTestCase):
    def test_a_good_url_is_parsed(self):
        for url, host in (
            ('http://u:p@host:15672/path', 'host'),
            ('https://u:p%2Fq@host', 'host'),
            ('http://u:p@q@[::1]:1/', '::1'),
        ):
            self.assertEqual(host, redaction.web(url, '--url').hostname)

    def test_a_bad_url_is_told_without_itself(self):
        for url in (
            'http://u:s3c/r3t@host',
            'http://u:s3c?r3t@host',
            'http://u:s3c#r3t@host',
            'http://u:s3c[r3t@host',
            'http://u:1/s3cr3t@host',
            'http://u:s3c\u2100r3t@host',
            'http://u:s3cr3t',
            'http://u:s3cr3t@host:70000',
            'http://u:s3cr3t@:1',
            'u:s3cr3t@host',
            'amqp://u:s3cr3t@host',
        ):
            error = self.assertRaises(
                redaction.BadURL, redaction.web, url, '--url'
            )
            self.assertIn('--url must be like http://', str(error))
            self.assertNotIn('s3c', str(error))
            self.assertNotIn('r3t', str(error))
            self.assertIsNone(error.__cause__)
