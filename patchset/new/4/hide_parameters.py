class StartStopTestCase:

    def test_errors_of_the_database_hide_parameters(self):
        self._start_service()
        with enginefacade.writer.get_engine().connect() as connection:
            error = self.assertRaises(
                Exception, connection.exec_driver_sql,
                'SELECT * FROM nowhere WHERE a = ?', ('a password',))
        self.assertIn('nowhere', str(error))
        self.assertNotIn('a password', str(error))
