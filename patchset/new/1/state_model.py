class TaskManagerStateModelTestCases(tests_base.TestCase):

    def test_process_event_no_callback_notify(self):
        self.node.provision_state = states.DEPLOYING
        self.fsm.current_state = states.ACTIVE
        self.task.process_event = task_manager.TaskManager.process_event
        self.task.process_event(self.task, 'done')
        notify = self.task._notify_provision_state_change
        notify.assert_called_once_with(mock.ANY, self.node)
        change = notify.call_args[0][0]
        self.assertEqual(('done', states.DEPLOYING, states.ACTIVE),
                         (change.event, change.previous_state, change.state))
