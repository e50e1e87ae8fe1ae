class DoNodeServiceTestCase:

    @mock.patch('ironic.conductor.manager.ConductorManager._spawn_worker',
                autospec=True)
    def test_do_provision_action_abort_service_no_worker_stays(self,
                                                               mock_spawn):
        self._start_service()
        for state in (states.SERVICEWAIT, states.SERVICEHOLD):
            node = obj_utils.create_test_node(
                self.context, driver='fake-hardware',
                uuid=uuidutils.generate_uuid(),
                provision_state=state,
                target_provision_state=states.ACTIVE,
                service_step={'step': 'foo', 'abortable': True})
            mock_spawn.side_effect = exception.NoFreeConductorWorker()
            self.assertRaises(messaging.rpc.ExpectedException,
                              self.service.do_provisioning_action,
                              self.context, node.uuid, 'abort')
            node.refresh()
            self.assertEqual(state, node.provision_state)
            self.assertEqual(states.ACTIVE, node.target_provision_state)
            self.assertIsNone(node.reservation)
