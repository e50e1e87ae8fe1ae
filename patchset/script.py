# SPDX-License-Identifier: Apache-2.0
"""Read a commit: its message, and the edits that make it.

A file of ``commits/`` is a message, then sections. ``--- note NAME`` is a
release note, ``--- PATH`` a file of Ironic and ``--- tests NAME`` a module of
the conductor's unit tests. In a file each line at the margin is an edit, and
the lines below it, four columns in, are its text::

    @@ Class.method FINGERPRINT...   the function that the next edits are in
    only PATTERN                     the rest of the section is for a release
                                     whose file has a match
    replace START                    the text replaces a statement
    before START, after START        the text goes before, or behind it
    cut START .. START               statements go, with a comment of N lines
    sub PATTERN                      the text replaces what matches
    add CLASS.METHOD                 the text is a method behind that one
    append                           the text is the end of the file
    remove NAME...                   functions and methods that match
    rule NAME ...                    a function of rules.py

A statement is named by how it begins. ``replace#1`` means the second that
begins so, ``before+2`` begins two lines of comments earlier, ``sub*`` any
number of matches.
"""

from collections.abc import Iterator
import hashlib
import pathlib
import re

from patchset import edit
from patchset import rules
from patchset import tree as trees

_TESTS = 'ironic/tests/unit/conductor/{}.py'
_MARGIN = re.compile('^ {4}', re.MULTILINE)
_EDIT = re.compile(r'(\S+?)(?:#(\d))?(?:\+(\d))?(\*?)(?: (.*))?$')


class Commit:
    """One commit of the series.

    :param path: its file
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.number, _, self.name = path.stem.partition('-')
        text, *sections = re.split(
            r'^--- ', path.read_text(), flags=re.MULTILINE
        )
        self._sections = [s.partition('\n')[::2] for s in sections]
        # Gerrit knows it by that, for every tree and in every run.
        seed = f'ironic-async-events/small/{path.stem}'.encode()
        self.change_id = 'I' + hashlib.sha256(seed).hexdigest()[:40]
        self.subject = text.splitlines()[0]
        self.message = f'{text}Change-Id: {self.change_id}\n'

    def make(self, tree: trees.Tree) -> dict[str, str]:
        """Change files of a tree in memory; refuse what is not expected."""
        try:
            for head, body in self._sections:
                kind, _, name = head.rpartition(' ')
                if kind == 'note':
                    tree.note(name, body)
                    continue
                path = _TESTS.format(name) if kind else name
                file = edit.File(path, tree.read(path))
                for command, text in _edits(body):
                    if command.startswith('only '):
                        if not re.search(command[5:], file.text):
                            break
                    else:
                        _apply(file, command, text)
                tree.write(path, file.text)
        except edit.Unexpected as e:
            raise edit.Refusal(
                f'commit {self.number} ({self.subject}) does not fit: {e}'
            ) from e
        return tree.take_changes()


def _edits(body: str) -> Iterator[tuple[str, str]]:
    """Return the lines at the margin, each with the text below it."""
    for part in re.split(r'^(?=\S)', body, flags=re.MULTILINE):
        command, _, text = part.partition('\n')
        if command:
            text = text.rstrip()
            yield command, re.sub(_MARGIN, '', text + '\n') if text else ''


def _apply(file: edit.File, line: str, text: str) -> None:
    match = _EDIT.match(line)
    assert match is not None
    command, nth, comments, many, rest = match.groups(default='')
    lead = int(comments or 0)
    if command == '@@':
        file.select(*rest.split())
    elif command in ('replace', 'before', 'after'):
        file.put(command, rest, text, nth=int(nth or 0), lead=lead)
    elif command == 'add':
        file.add(rest, text)
    elif command == 'cut':
        file.cut(*rest.split(' .. '), lead=lead)
    elif command == 'sub':
        file.sub(rest, text.removesuffix('\n'), many=bool(many))
    elif command == 'append':
        file.text += text
    elif command == 'remove':
        file.remove(rest)
    elif command == 'rule':
        name, *words = rest.split()
        getattr(rules, name)(file, *words)
        file.name = ''
    else:
        raise AssertionError(line)
