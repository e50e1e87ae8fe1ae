class VendorPassthruTestCase(mgr_utils.ServiceSetUpMixin, db_base.DbTestCase):

    @mock.patch.object(task_manager.TaskManager, 'upgrade_lock', autospec=True)
    @mock.patch('ironic.conductor.manager.ConductorManager._spawn_worker',
                autospec=True)
    def test_vendor_passthru_async_any_key(self, mock_spawn, mock_upgrade):
        node = obj_utils.create_test_node(self.context,
                                          vendor_interface='fake')
        keys = ('_spawn_method', '_allow_reserved_pool', 'func', 'event',
                'target_state', 'last_error')
        info = {'bar': 'baz', **{key: 'mine' for key in keys}}
        self._start_service()
        mock_spawn.reset_mock()

        self.service.vendor_passthru(self.context, node.uuid,
                                     'second_method', 'POST', info)

        mock_spawn.assert_called_once_with(self.service, mock.ANY, mock.ANY)
        method = mock_spawn.call_args[0][1]
        self.assertEqual({'http_method': 'POST', **info}, method.keywords)
        # It is named when it fails.
        self.assertEqual('second_method', method.__name__)
