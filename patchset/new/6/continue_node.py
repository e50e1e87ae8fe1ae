class DoNodeCleanTestCase:

    @mock.patch('ironic.conductor.manager.ConductorManager._spawn_worker',
                autospec=True)
    def test_continue_node_clean_no_worker_stays(self, mock_spawn):
        node = obj_utils.create_test_node(
            self.context, driver='fake-hardware',
            provision_state=states.CLEANWAIT,
            target_provision_state=states.MANAGEABLE,
            last_error=None)
        self._start_service()
        for error in (exception.NoFreeConductorWorker(),
                      RuntimeError("can't start new thread")):
            mock_spawn.side_effect = error
            self.assertRaises(exception.NoFreeConductorWorker,
                              self.service.continue_node_clean,
                              self.context, node.uuid)
            node.refresh()
            # The next heartbeat tries again.
            self.assertEqual(states.CLEANWAIT, node.provision_state)
            self.assertEqual(states.MANAGEABLE, node.target_provision_state)
            self.assertIn('No free conductor workers', node.last_error)
            self.assertIsNone(node.reservation)
