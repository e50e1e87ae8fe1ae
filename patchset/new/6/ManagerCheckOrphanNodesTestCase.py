class ManagerCheckOrphanNodesTestCase:

    def test__check_orphan_nodes_not_cleaned_up(self, mock_off_cond,
                                                mock_mapped, mock_fail_if):
        # A node that could not be failed has lost its reservation, by which
        # it was found; the next pass knows it all the same.
        mock_off_cond.return_value = ['fake-conductor']
        self.service._check_orphan_nodes(self.context)
        self.node.refresh()
        self.assertEqual(states.DEPLOYING, self.node.provision_state)

        def fail(service, context, filters, *args, **kwargs):
            self.node.provision_state = states.DEPLOYFAIL
            self.node.save()

        mock_off_cond.return_value = []
        mock_fail_if.side_effect = fail
        mock_fail_if.reset_mock()
        self.service._check_orphan_nodes(self.context)
        self.assertEqual({'uuid': self.node.uuid},
                         mock_fail_if.call_args[0][2])

        # And no pass after that one.
        mock_fail_if.reset_mock()
        self.service._check_orphan_nodes(self.context)
        self.assertFalse(mock_fail_if.called)

    def test__check_orphan_nodes_node_gone_later(self, mock_off_cond,
                                                 mock_mapped, mock_fail_if):
        mock_off_cond.return_value = ['fake-conductor']
        self.service._check_orphan_nodes(self.context)
        self.node.destroy()
        mock_off_cond.return_value = []
        self.service._check_orphan_nodes(self.context)
        self.assertEqual(set(), self.service._orphans)

    def test__check_orphan_nodes_node_locked_later(self, mock_off_cond,
                                                   mock_mapped, mock_fail_if):
        mock_off_cond.return_value = ['fake-conductor']
        self.service._check_orphan_nodes(self.context)
        self.node.refresh()
        self.node.reservation = 'somebody'
        self.node.save()
        mock_fail_if.reset_mock()
        self.service._check_orphan_nodes(self.context)
        self.assertFalse(mock_fail_if.called)
        self.assertEqual({self.node.uuid}, self.service._orphans)
