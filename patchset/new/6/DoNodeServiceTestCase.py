class DoNodeServiceTestCase:

    @mock.patch('ironic.conductor.manager.ConductorManager._spawn_worker',
                autospec=True)
    def test_continue_node_service_no_worker_stays(self, mock_spawn):
        node = obj_utils.create_test_node(
            self.context, driver='fake-hardware',
            provision_state=states.SERVICEWAIT,
            target_provision_state=states.ACTIVE,
            last_error=None)
        self._start_service()
        for error in (exception.NoFreeConductorWorker(),
                      RuntimeError("can't start new thread")):
            mock_spawn.side_effect = error
            self.assertRaises(exception.NoFreeConductorWorker,
                              self.service.continue_node_service,
                              self.context, node.uuid)
            node.refresh()
            # The next heartbeat tries again.
            self.assertEqual(states.SERVICEWAIT, node.provision_state)
            self.assertEqual(states.ACTIVE, node.target_provision_state)
            self.assertIn('No free conductor workers', node.last_error)
            self.assertIsNone(node.reservation)

    @mock.patch('ironic.conductor.manager.ConductorManager._spawn_worker',
                autospec=True)
    def test_do_provision_action_abort_service_no_worker_stays(self,
                                                               mock_spawn):
        for state in (states.SERVICEWAIT, states.SERVICEHOLD):
            node = obj_utils.create_test_node(
                self.context, driver='fake-hardware',
                uuid=uuidutils.generate_uuid(),
                provision_state=state,
                target_provision_state=states.ACTIVE,
                service_step={'step': 'foo', 'abortable': True})
            self._start_service()
            mock_spawn.side_effect = exception.NoFreeConductorWorker()
            self.assertRaises(messaging.rpc.ExpectedException,
                              self.service.do_provisioning_action,
                              self.context, node.uuid, 'abort')
            node.refresh()
            self.assertEqual(state, node.provision_state)
            self.assertEqual(states.ACTIVE, node.target_provision_state)
            self.assertIsNone(node.reservation)
            self._stop_service()
