#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plugin.sh - DevStack plugin for ironic-async-events
#
# Enable it after Ironic's own plugin: DevStack runs plugins in the order in
# which they were enabled, and Ironic writes ironic.conf anew in post-config.

echo_summary "ironic-async-events devstack plugin.sh called: $1/$2"
# shellcheck source=devstack/lib/ironic-async-events
source "$IRONIC_ASYNC_EVENTS_DIR/devstack/lib/ironic-async-events"

if is_service_enabled ironic-async-events && is_service_enabled ir-api ir-cond; then
    case "$1/$2" in
        stack/install)
            echo_summary "Installing ironic-async-events"
            install_ironic_async_events
            ;;
        stack/post-config)
            echo_summary "Configuring ironic-async-events"
            configure_ironic_async_events
            ;;
        stack/extra)
            complete_ironic_async_events
            # local.conf was merged into ironic.conf since.
            check_ironic_async_events
            restart_ironic_async_events
            ;;
    esac
fi

# What was set up is taken down also when the service was disabled since.
case "$1" in
    unstack)
        unconfigure_ironic_async_events
        ;;
    clean)
        unconfigure_ironic_async_events
        uninstall_ironic_async_events
        ;;
esac
