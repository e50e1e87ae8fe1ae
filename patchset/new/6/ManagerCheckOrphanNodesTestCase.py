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

    def _another_node(self):
        return obj_utils.create_test_node(
            self.context, id=2, uuid=uuidutils.generate_uuid(),
            driver='fake-hardware', provision_state=states.DEPLOYING,
            target_provision_state=states.ACTIVE,
            reservation='fake-conductor')

    def _check_error(self, error, mock_off_cond, mock_fail_if):
        # A node that cannot be cleaned up holds up no other one.
        node2 = self._another_node()

        def fail(service, context, filters, *args, **kwargs):
            if filters['uuid'] == self.node.uuid:
                raise error
            self._fail(service, context, filters)

        mock_off_cond.return_value = ['fake-conductor']
        mock_fail_if.side_effect = fail
        self.service._check_orphan_nodes(self.context)
        self.node.refresh()
        self.assertEqual('fake-conductor', self.node.reservation)
        node2.refresh()
        self.assertEqual(states.DEPLOYFAIL, node2.provision_state)
        self.assertIsNone(node2.reservation)

    def test__check_orphan_nodes_error(self, mock_off_cond, mock_mapped,
                                       mock_fail_if):
        self._check_error(ValueError(), mock_off_cond, mock_fail_if)

    def test__check_orphan_nodes_ironic_error(self, mock_off_cond,
                                              mock_mapped, mock_fail_if):
        error = exception.DriverLoadError(driver='fake', reason='none')
        self._check_error(error, mock_off_cond, mock_fail_if)

    def test__check_orphan_nodes_in_turn(self, mock_off_cond, mock_mapped,
                                         mock_fail_if):
        # A node is released when it is its turn, no earlier.
        reserved = []
        nodes = [self.node, self._another_node()]

        def fail(service, context, filters, *args, **kwargs):
            for node in nodes:
                node.refresh()
            reserved.append([node.reservation for node in nodes])
            self._fail(service, context, filters)

        mock_off_cond.return_value = ['fake-conductor']
        mock_fail_if.side_effect = fail
        self.service._check_orphan_nodes(self.context)
        self.assertEqual([[None, 'fake-conductor'], [None, None]], reserved)

    def test__check_orphan_nodes_release_unknown(self, mock_off_cond,
                                                 mock_mapped, mock_fail_if):
        # The release was carried out, but that was never heard.
        real = objects.Node.release

        def release(context, host, node_id):
            real(context, host, node_id)
            raise ValueError()

        mock_off_cond.return_value = ['fake-conductor']
        with mock.patch.object(objects.Node, 'release', release):
            self.assertRaises(ValueError, self.service._check_orphan_nodes,
                              self.context)
        mock_fail_if.side_effect = self._fail
        self.service._check_orphan_nodes(self.context)
        self.node.refresh()
        self.assertEqual(states.DEPLOYFAIL, self.node.provision_state)

    def test__check_orphan_nodes_node_gone(self, mock_off_cond, mock_mapped,
                                           mock_fail_if):
        mock_off_cond.return_value = ['fake-conductor']
        mock_fail_if.side_effect = lambda *args, **kwargs: self.node.destroy()
        self.service._check_orphan_nodes(self.context)
        self.assertEqual({}, self.service._orphans._hosts)

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
            self.assertEqual({}, self.service._orphans._hosts)
            self.service._orphans = orphans.Orphans()

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
                         self.service._orphans._hosts)
