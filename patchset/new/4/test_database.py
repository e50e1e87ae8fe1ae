# SPDX-License-Identifier: Apache-2.0
"""Tests of what is done about errors of the database."""

from unittest import mock

from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import enginefacade

from ironic.conductor import manager
from ironic.conductor.transitions import database
from ironic.tests.unit.db import base as db_base


class HideParametersTestCase(db_base.DbTestCase):

    def test_errors_repeat_no_parameters(self):
        database.hide_parameters()
        with enginefacade.writer.get_engine().connect() as connection:
            error = self.assertRaises(
                db_exception.DBError, connection.exec_driver_sql,
                'SELECT * FROM nowhere WHERE a = ?', ('a password',))
        self.assertIn('nowhere', str(error))
        self.assertNotIn('a password', str(error))

    @mock.patch.object(database, 'hide_parameters', autospec=True,
                       side_effect=ValueError)
    def test_a_conductor_hides_them(self, mock_hide):
        service = manager.ConductorManager('host', 'topic')
        self.assertRaises(ValueError, service.init_host)
