# SPDX-License-Identifier: Apache-2.0
"""Whole lives of nodes on PostgreSQL, with the plugin and with the outbox."""

import sqlalchemy as sa

from ironic_async_events.tests.functional import base
from laboratory import deployment


class WithThePlugin(base.MeasuredTestCase):
    """Nothing is lost, nothing is out of order."""

    outbox = False
    wanted = deployment.Run(plugin=True, rabbitmq=True, clients=base.CLIENTS)

    @classmethod
    def new_service(cls) -> base.Service:
        return base.Service(
            cls.wanted, base.new_database(base.postgresql), cls.outbox
        )

    def test_nothing_is_lost_or_misplaced(self):
        self.assertEqual(
            'postgresql', sa.make_url(self.database).get_backend_name()
        )
        self.assert_clean()

    @property
    def database(self) -> str:
        """The URL of the database."""
        return self.running.ironic.database


class WithTheOutbox(WithThePlugin):
    """Nothing waits when the service has stopped."""

    outbox = True
    wanted = deployment.Run(
        plugin=True,
        rabbitmq=True,
        clients=base.CLIENTS,
        options={
            'oslo_messaging_notifications': {'driver': ['async_events_outbox']}
        },
    )

    def test_no_message_is_left_in_the_outbox(self):
        engine = sa.create_engine(self.database)
        self.addCleanup(engine.dispose)
        with engine.connect() as connection:
            left = connection.scalar(
                sa.text('SELECT count(*) FROM async_events_outbox')
            )
            term = connection.scalar(
                sa.text('SELECT term FROM async_events_relay')
            )
        self.assertEqual(0, left)
        # A relay has led: the messages went this way.
        self.assertGreater(term, 0)


class ConductorAndApi(WithTheOutbox):
    """Two processes with the outbox, one of which has the relay."""

    wanted = deployment.Run(
        plugin=True,
        rabbitmq=True,
        split=True,
        clients=4,
        options=WithTheOutbox.wanted.options,
    )
