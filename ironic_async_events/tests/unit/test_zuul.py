# SPDX-License-Identifier: Apache-2.0
"""Zuul's configuration, as far as it can be judged without a Zuul."""

import configparser
import pathlib
import re
import unittest

from oslotest import base
import yaml

_ROOT = pathlib.Path(__file__).resolve().parents[3]
_ZUUL = _ROOT / 'zuul.d'

# Attributes of a job in Zuul's documentation that are of use here.
_JOB = {
    'name': str,
    'parent': str,
    'description': str,
    'abstract': bool,
    'voting': bool,
    'nodeset': str,
    'timeout': int,
    'override-checkout': str,
    'required-projects': list,
    'irrelevant-files': list,
    'vars': dict,
}
_PIPELINES = ('check', 'gate')
# Defined by other projects.
_PARENTS = {
    'ironic-base': 'opendev.org/openstack/ironic',
    'ironic-tempest-functional-python3': 'opendev.org/openstack/ironic',
    'openstack-tox': 'opendev.org/openstack/openstack-zuul-jobs',
}
_NODESETS = {'ubuntu-noble'}
_PROJECTS = {
    'opendev.org/openstack/ironic',
    'opendev.org/openstack/ironic-async-events',
}
# Templates of openstack-zuul-jobs, and the tox environments that they run
# beside those of one Python version.
_TEMPLATES = {
    'openstack-cover-jobs': ['cover'],
    'openstack-python3-jobs': ['pep8', 'py3'],
    'publish-openstack-docs-pti': ['docs'],
    'release-notes-jobs-python3': ['releasenotes'],
}


class _UniqueKeys(yaml.SafeLoader):
    """Refuse a key that is there twice; YAML would keep the last one."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _value in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f'{key} is there twice', node.start_mark
                )
        return super().construct_mapping(node, deep)


@unittest.skipUnless(_ZUUL.is_dir(), 'not in a source tree')
class TestZuul(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.items = []
        for path in sorted(_ZUUL.glob('*.yaml')):
            loaded = yaml.load(path.read_text(), Loader=_UniqueKeys)
            self.assertIsInstance(loaded, list, path.name)
            for item in loaded:
                self.assertEqual(1, len(item), path.name)
                self.items += item.items()
        self.jobs = {job['name']: job for job in self._of('job')}
        self.templates = {
            template['name']: template
            for template in self._of('project-template')
        }

    def _of(self, kind):
        return [value for key, value in self.items if key == kind]

    def _inherited(self, name, attribute, default=None):
        """Look an attribute up the line of parents."""
        while name in self.jobs:
            if attribute in self.jobs[name]:
                return self.jobs[name][attribute]
            name = self.jobs[name]['parent']
        return default

    def _variable(self, name, variable):
        while name in self.jobs:
            values = self.jobs[name].get('vars', {})
            if variable in values:
                return values[variable]
            name = self.jobs[name]['parent']
        return None

    def _tox(self):
        tox = configparser.ConfigParser(interpolation=None)
        tox.read(_ROOT / 'tox.ini')
        listed = re.split(r'[\s,]+', tox['tox']['envlist'])
        sections = [
            name.removeprefix('testenv:')
            for name in tox.sections()
            if name.startswith('testenv:')
        ]
        return {*listed, *sections}

    def test_there_is_nothing_of_an_unknown_kind(self):
        self.assertEqual(
            {'job', 'project', 'project-template'},
            {kind for kind, _value in self.items},
        )

    def test_every_job_has_attributes_of_the_right_type(self):
        for name, job in self.jobs.items():
            for attribute, value in job.items():
                self.assertIn(attribute, _JOB, name)
                self.assertIsInstance(value, _JOB[attribute], name)

    def test_no_name_is_taken_twice(self):
        names = [value.get('name', '') for _kind, value in self.items]
        self.assertEqual(sorted(set(names)), sorted(names))

    def test_names_say_whose_they_are(self):
        for name in (*self.jobs, *self.templates):
            self.assertTrue(name.startswith('ironic-async-events-'), name)

    def test_every_line_of_parents_ends_at_a_known_job(self):
        for name in self.jobs:
            seen = [name]
            while seen[-1] in self.jobs:
                parent = self.jobs[seen[-1]]['parent']
                self.assertNotIn(parent, seen)
                seen.append(parent)
            self.assertIn(seen[-1], _PARENTS)

    def test_nodesets_are_known(self):
        named = {
            job['nodeset'] for job in self.jobs.values() if 'nodeset' in job
        }
        self.assertEqual(_NODESETS, named)

    def test_every_job_says_what_it_is_for(self):
        for name in self.jobs:
            self.assertTrue(self._inherited(name, 'description'), name)

    def test_every_job_has_the_plugin_checked_out(self):
        own = 'opendev.org/openstack/ironic-async-events'
        for name in self.jobs:
            # Zuul adds up what is required along the line of parents.
            required = []
            at = name
            while at in self.jobs:
                required += self.jobs[at].get('required-projects', [])
                at = self.jobs[at]['parent']
            self.assertLessEqual(set(required), _PROJECTS, name)
            self.assertIn(own, required, name)

    def test_projects_and_templates_run_jobs_that_exist(self):
        for item in (*self._of('project'), *self.templates.values()):
            pipelines = {
                key: value
                for key, value in item.items()
                if key not in ('name', 'description', 'templates')
            }
            self.assertLessEqual(set(pipelines), set(_PIPELINES))
            for pipeline in pipelines.values():
                for job in pipeline['jobs']:
                    name = job if isinstance(job, str) else next(iter(job))
                    self.assertIn(name, self.jobs)
                    self.assertFalse(self.jobs[name].get('abstract'), name)

    def test_every_job_is_run_somewhere(self):
        run = set()
        for item in (*self._of('project'), *self.templates.values()):
            for job in item['check']['jobs']:
                run.add(job if isinstance(job, str) else next(iter(job)))
        concrete = {
            name for name, job in self.jobs.items() if not job.get('abstract')
        }
        self.assertEqual(concrete, run)

    def test_what_cannot_vote_does_not_gate(self):
        for item in (*self._of('project'), *self.templates.values()):
            for job in item['gate']['jobs']:
                self.assertIsInstance(job, str)

    def test_the_project_uses_known_templates(self):
        (project,) = self._of('project')
        self.assertLessEqual(
            set(project['templates']), {*_TEMPLATES, *self.templates}
        )
        self.assertLessEqual(set(self.templates), set(project['templates']))

    def test_tox_environments_exist(self):
        known = self._tox()
        wanted = [name for names in _TEMPLATES.values() for name in names]
        for name, job in self.jobs.items():
            if self._inherited(name, 'parent') and 'tox' in name:
                environment = self._variable(name, 'tox_envlist')
                if not job.get('abstract'):
                    self.assertIsNotNone(environment, name)
                    wanted.append(environment)
        wanted.append(
            self._variable('ironic-async-events-upstream-unit', 'tox_envlist')
        )
        self.assertEqual(set(), set(wanted) - known)

    def test_every_release_has_its_unit_job(self):
        versions = {
            path.stem.removeprefix('ironic-')
            for path in (_ROOT / 'constraints').glob('ironic-*.txt')
        }
        named = {
            job['vars']['tox_environment']['IRONIC_VERSION']
            for job in self.jobs.values()
            if 'tox_environment' in job.get('vars', {})
        }
        self.assertEqual(versions, named)

    def test_a_stable_variant_checks_out_the_branch_of_its_name(self):
        for name, job in self.jobs.items():
            branch = job.get('override-checkout')
            if branch is not None:
                self.assertEqual(
                    f'stable/{name.rpartition("-")[2]}', branch, name
                )

    def test_expressions_compile(self):
        for name, job in self.jobs.items():
            for expression in job.get('irrelevant-files', []):
                re.compile(expression)
            pattern = self._variable(name, 'tempest_test_regex')
            if pattern is not None:
                re.compile(pattern)

    def test_devstack_is_told_what_the_plugin_knows(self):
        settings = (_ROOT / 'devstack' / 'settings').read_text()
        for name in self.jobs:
            localrc = self._variable(name, 'devstack_localrc') or {}
            for variable in localrc:
                self.assertIn(f'\n{variable}=', settings, name)
            for service in self._variable(name, 'devstack_services') or {}:
                self.assertIn(f'\nenable_service {service}\n', settings)
            for plugin in self._variable(name, 'devstack_plugins') or {}:
                self.assertIn(f'\ndefine_plugin {plugin}\n', settings)
