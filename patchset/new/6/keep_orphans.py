class ConductorManager:

    def _settle_orphans(self, context, orphans, settle):
        """Deal with nodes of dead conductors; the next check tries the rest.

        :param context: request context.
        :param orphans: dictionary by UUID of the node; what is dealt with is
            removed.
        :param settle: called with context, UUID and value.
        """
        for node_uuid, value in list(orphans.items()):
            try:
                settle(context, node_uuid, value)
            except exception.IronicException as e:
                LOG.info('Node %(node)s is not kept for the next check of '
                         'offline conductors: %(error)s',
                         {'node': node_uuid, 'error': e})
            except Exception:
                LOG.exception('Node %s could not be kept for the next check '
                              'of offline conductors', node_uuid)
                continue
            del orphans[node_uuid]

    def _keep_orphan(self, context, node_uuid, hostname):
        """Reserve a node that could not be cleaned up for its conductor.

        The next check finds the node by its reservation.
        """
        node = objects.Node.get_by_uuid(context, node_uuid)
        if (node.reservation is None
                and node.provision_state in (states.DEPLOYING,
                                             states.CLEANING)
                and hostname in self.dbapi.get_offline_conductors()):
            kept = objects.Node.reserve(context, hostname, node.id)
            self._kept_orphans[node_uuid] = kept
            self._release_if_back(context, node_uuid, kept)

    def _release_if_back(self, context, node_uuid, kept):
        """Release a node if the conductor that it is kept for is back.

        That conductor has released its nodes before it was online, and will
        not release this one.
        """
        hostname = kept.reservation
        if hostname in self.dbapi.get_offline_conductors():
            return
        node = objects.Node.get_by_uuid(context, node_uuid)
        # A lock that the conductor took itself has changed updated_at.
        if (node.reservation == hostname
                and node.updated_at == kept.updated_at):
            objects.Node.release(context, hostname, node.id)
