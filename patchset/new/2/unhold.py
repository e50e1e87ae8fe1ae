class DoNodeServiceTestCase(mgr_utils.ServiceSetUpMixin, db_base.DbTestCase):

    @mock.patch('ironic.conductor.manager.ConductorManager._spawn_worker',
                autospec=True)
    def test_do_node_provision_action_unhold_no_worker(self, mock_spawn):
        node = obj_utils.create_test_node(
            self.context, driver='fake-hardware',
            provision_state=states.SERVICEHOLD,
            target_provision_state=states.ACTIVE)
        self._start_service()
        mock_spawn.side_effect = exception.NoFreeConductorWorker()
        self.assertRaises(messaging.rpc.ExpectedException,
                          self.service.do_provisioning_action,
                          self.context, node.uuid, 'unhold')
        node.refresh()
        self.assertEqual(states.SERVICEHOLD, node.provision_state)
        self.assertEqual(states.ACTIVE, node.target_provision_state)
        self.assertIn('No free conductor workers', node.last_error)
        self.assertIsNone(node.reservation)
