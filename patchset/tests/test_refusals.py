# SPDX-License-Identifier: Apache-2.0

from patchset import series
from patchset.tests import base


class RefusalTestCase(base.TreeTestCase):
    """What does not fit gets one clear line, and nothing is changed."""

    def test_no_git_work_tree(self):
        self.assert_refused('is no git work tree', 'apply', self.tree)

    def test_no_directory(self):
        self.assert_refused(
            'is no git work tree', 'apply', self.tree / 'nowhere'
        )

    def test_a_tree_below_the_top(self):
        self.commit()
        self.assert_refused(
            'not the top', 'apply', self.tree / 'ironic/conductor'
        )

    def test_no_commit(self):
        self.git('init', '--quiet')
        self.assert_refused('has no commit yet', 'apply', self.tree)

    def test_a_dirty_tree(self):
        self.commit()
        self.write('setup.py', '')
        self.assert_refused('uncommitted changes', 'apply', self.tree)

    def test_no_ironic(self):
        (self.tree / 'ironic/conductor/task_manager.py').unlink()
        self.commit()
        self.assert_refused('no source tree of Ironic', 'apply', self.tree)

    def test_an_unknown_release(self):
        self.write('PKG-INFO', 'Name: ironic\nVersion: 99.0.0\n')
        self.commit()
        self.assert_refused(r'Ironic 99\.0\.0; .* 39', 'apply', self.tree)

    def test_no_release_at_all(self):
        (self.tree / 'PKG-INFO').unlink()
        self.commit()
        self.assert_refused('unknown release', 'apply', self.tree)

    def test_a_clone_knows_its_release_by_its_tags(self):
        (self.tree / 'PKG-INFO').unlink()
        self.commit()
        self.git('tag', '99.1.0')
        self.assert_refused(r'Ironic 99\.1\.0', 'apply', self.tree)

    def test_a_release_is_tried_as_if_it_were_another(self):
        self.write('PKG-INFO', 'Name: ironic\nVersion: 99.0.0\n')
        self.commit()
        self.assert_refused(
            r'commit 1 .* expected',
            *('apply', self.tree, '--release', '39.0.0'),
        )

    def test_a_source_that_is_not_as_expected(self):
        self.commit()
        self.assert_refused(
            r'commit 1 .* ironic/conductor/task_manager.py:\d+: expected',
            'apply',
            self.tree,
        )
        self.assertEqual('', self.git('status', '--porcelain'))

    def test_a_commit_that_does_not_exist(self):
        self.commit()
        self.assert_refused('no commit 99', 'apply', self.tree, '--upto', '99')

    def test_applied_already(self):
        self.commit()
        for commit in series.commits():
            self.commit(commit.message)
        self.assert_refused('already has', 'apply', self.tree)
        self.assert_refused('already has', 'apply', self.tree, '--only', '2')

    def test_nothing_to_export(self):
        self.commit()
        self.assert_refused(
            'patchset apply', 'export', self.tree, self.tree / 'out'
        )

    def test_others_in_between(self):
        self.commit()
        first, second, *_ = series.commits()
        self.commit(first.message)
        self.commit('Something else')
        self.commit(second.message)
        self.assert_refused(
            'do not follow', 'export', self.tree, self.tree / 'out'
        )


class CheckTestCase(base.TreeTestCase):
    def test_a_whole_tree(self):
        self.commit()
        for commit in series.commits():
            self.commit(commit.message)
        code, lines = self.run_program('check', self.tree)
        self.assertEqual(0, code)
        self.assertIn('the whole series', lines[-1])

    def test_the_commits_are_exported_in_their_order(self):
        self.commit()
        for commit in series.commits()[:2]:
            self.write('file', commit.name)
            self.commit(commit.message)
        code, lines = self.run_program('export', self.tree, self.tree / 'out')
        self.assertEqual(0, code)
        self.assertEqual(2, len(lines))
        self.assertIn('0001-', lines[0])


class MessageTestCase(base.TreeTestCase):
    def test_subjects_are_short_and_bodies_narrow(self):
        for commit in series.commits():
            subject, blank, *body = commit.message.splitlines()
            self.assertLessEqual(len(subject), 50, subject)
            self.assertEqual('', blank)
            self.assertLessEqual(max(map(len, body)), 72)

    def test_change_ids_are_unlike_and_last(self):
        ids = {commit.message.splitlines()[-1] for commit in series.commits()}
        self.assertEqual(len(series.NAMES), len(ids))
        for line in ids:
            self.assertRegex(line, '^Change-Id: I[0-9a-f]{40}$')
