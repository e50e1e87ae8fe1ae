class ManagerCheckOrphanNodesTestCase:

    def _fail(self, service, context, filters, *args, **kwargs):
        node = objects.Node.get_by_uuid(self.context, filters['uuid'])
        node.provision_state = states.DEPLOYFAIL
        node.save()

    def test__check_orphan_nodes_not_cleaned_up(self, mock_off_cond,
                                                mock_mapped, mock_fail_if):
        # A node that could not be failed keeps its reservation, by which the
        # next check finds it.
        mock_off_cond.return_value = ['fake-conductor']
        self.service._check_orphan_nodes(self.context)
        self.node.refresh()
        self.assertEqual(states.DEPLOYING, self.node.provision_state)
        self.assertEqual('fake-conductor', self.node.reservation)

        mock_fail_if.side_effect = self._fail
        self.service._check_orphan_nodes(self.context)
        self.node.refresh()
        self.assertEqual(states.DEPLOYFAIL, self.node.provision_state)
        self.assertIsNone(self.node.reservation)

        # And no check after that one.
        mock_fail_if.reset_mock()
        self.service._check_orphan_nodes(self.context)
        self.assertFalse(mock_fail_if.called)

    def test__check_orphan_nodes_error(self, mock_off_cond, mock_mapped,
                                       mock_fail_if):
        mock_off_cond.return_value = ['fake-conductor']
        mock_fail_if.side_effect = ValueError
        self.assertRaises(ValueError, self.service._check_orphan_nodes,
                          self.context)
        self.node.refresh()
        self.assertEqual('fake-conductor', self.node.reservation)

    def test__check_orphan_nodes_node_gone(self, mock_off_cond, mock_mapped,
                                           mock_fail_if):
        mock_off_cond.return_value = ['fake-conductor']
        mock_fail_if.side_effect = lambda *args, **kwargs: self.node.destroy()
        self.service._check_orphan_nodes(self.context)
        self.assertEqual({}, self.service._orphans)

    def test__check_orphan_nodes_locked_by_another(self, mock_off_cond,
                                                   mock_mapped, mock_fail_if):
        def lock(*args, **kwargs):
            objects.Node.reserve(self.context, 'another', self.node.id)

        mock_off_cond.return_value = ['fake-conductor']
        mock_fail_if.side_effect = lock
        self.service._check_orphan_nodes(self.context)
        self.node.refresh()
        self.assertEqual('another', self.node.reservation)

    def test__check_orphan_nodes_conductor_is_back(self, mock_off_cond,
                                                   mock_mapped, mock_fail_if):
        # At once, while the node is reserved again, and before the next check
        for offline in ([['fake-conductor'], []],
                        [['fake-conductor'], ['fake-conductor'], []],
                        [['fake-conductor'], ['fake-conductor'],
                         ['fake-conductor'], [], []]):
            self.node.refresh()
            self.node.reservation = 'fake-conductor'
            self.node.save()
            mock_off_cond.side_effect = offline
            self.service._check_orphan_nodes(self.context)
            if len(offline) > 3:
                self.service._check_orphan_nodes(self.context)
            self.node.refresh()
            self.assertIsNone(self.node.reservation)
            self.assertEqual({}, self.service._orphans)
            self.service._kept_orphans.clear()

    @mock.patch.object(objects.Node, 'reserve', autospec=True)
    def test__check_orphan_nodes_database_away(self, mock_reserve,
                                               mock_off_cond, mock_mapped,
                                               mock_fail_if):
        mock_off_cond.return_value = ['fake-conductor']
        mock_reserve.side_effect = ValueError
        with mock.patch.object(self.service, '_clean_up_orphan',
                               autospec=True):
            self.service._check_orphan_nodes(self.context)
        self.assertEqual({self.node.uuid: 'fake-conductor'},
                         self.service._orphans)
