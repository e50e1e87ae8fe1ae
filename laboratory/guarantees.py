# SPDX-License-Identifier: Apache-2.0
"""The guarantees, each with a number, a name and a sentence.

Documentation and tests repeat these sentences.
"""

from typing import NamedTuple


class Guarantee(NamedTuple):
    """A promise to operators and to consumers of notifications."""

    id: str
    name: str
    sentence: str

    def __str__(self) -> str:
        return f'{self.id}: {self.sentence}'


I1 = Guarantee(
    'I1',
    'exactly once',
    'Every committed change of the provision state of a node emits exactly '
    'one provision_set notification, and the state in it is the result of its '
    'event on its previous state.',
)
I2 = Guarantee(
    'I2',
    'in order',
    'The notifications of one node, in the order in which the bus received '
    'them, form one unbroken chain: the previous state of each is the state '
    'of the one before.',
)
I3 = Guarantee(
    'I3',
    'refused is unchanged',
    'A request that was answered with an error changed no provision state.',
)
I4 = Guarantee(
    'I4',
    'accepted is saved',
    'A request that was answered with 202 has its new state in the database.',
)
I5 = Guarantee(
    'I5',
    'no lock left',
    'No lock outlives its operation, whatever raised.',
)
I6 = Guarantee(
    'I6',
    'off is stock',
    'With the driver removed from the configuration, Ironic is byte for byte '
    'stock.',
)
I7 = Guarantee(
    'I7',
    'one lock holder',
    'At no moment do two tasks hold the exclusive lock of one node.',
)
I8 = Guarantee(
    'I8',
    'nothing in the way',
    'What the bus would take is published soon, whatever else it refuses.',
)

ALL = (I1, I2, I3, I4, I5, I6, I7, I8)
