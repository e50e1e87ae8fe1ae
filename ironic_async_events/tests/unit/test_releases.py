# SPDX-License-Identifier: Apache-2.0
"""What names the releases of Ironic names the same ones everywhere."""

import configparser
import pathlib
import re

from oslotest import base

from ironic_async_events.command import checks
from laboratory import upstream

_ROOT = pathlib.Path(__file__).parents[3]


class ReleasesTestCase(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.releases = {
            path.stem.removeprefix('ironic-')
            for path in (_ROOT / 'constraints').glob('ironic-*.txt')
        }
        self.assertEqual(6, len(self.releases))

    def test_constraints_pin_the_release_that_they_are_named_after(self):
        for release in self.releases:
            path = _ROOT / 'constraints' / f'ironic-{release}.txt'
            self.assertIn(f'ironic=={release}', path.read_text().split())

    def test_each_has_a_list_of_expected_failures(self):
        directory = pathlib.Path(upstream.__file__).parent
        self.assertEqual(
            self.releases,
            {
                path.stem.removeprefix('expected-')
                for path in directory.glob('expected-*.txt')
            },
        )

    def test_each_has_its_tox_environments(self):
        tox = configparser.ConfigParser(interpolation=None)
        tox.read(_ROOT / 'tox.ini')
        (section,) = (
            name
            for name in tox.sections()
            if name.startswith('testenv:ironic')
        )
        factors = re.findall(r'ironic\{([\d,]+)\}', section)[0].split(',')
        pins = re.findall(
            r'ironic(\d+): -c\{toxinidir\}/constraints/ironic-(\S+)\.txt',
            tox[section]['deps'],
        )
        self.assertEqual(
            {
                (release.partition('.')[0], release)
                for release in self.releases
            },
            set(pins),
        )
        self.assertEqual({factor for factor, _ in pins}, set(factors))

    def test_the_upgrade_check_knows_them(self):
        self.assertEqual(
            {release.rpartition('.')[0] for release in self.releases},
            set(checks.TESTED),
        )
        for release in self.releases:
            self.assertTrue(checks.is_tested(release), release)

    def test_the_upgrade_check_tells_them_from_others(self):
        self.assertTrue(checks.is_tested('24.1.6.dev3'))
        for version in ('24.10.0', '24.2.0', '240.1.0', '40.0.0'):
            self.assertFalse(checks.is_tested(version), version)

    def test_each_is_in_the_documentation(self):
        page = _ROOT / 'doc/source/contributor/releases.rst'
        words = page.read_text().split()
        self.assertEqual(set(), self.releases - set(words))
