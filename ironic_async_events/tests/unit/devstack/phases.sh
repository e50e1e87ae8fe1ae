#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# phases.sh <phase>... - run phases of DevStack with two plugins, Ironic's
# and ours. A phase is "mode:phase", or "keep:name" to copy ironic.conf.
#
# Read from the environment: DEST with both plugins, SCRATCH for what is
# written, LOCALRC with settings of local.conf, DEVSTACK_DIR or nothing.

# shellcheck disable=SC2034  # DevStack reads some of what is set here.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

TOP_DIR=$SCRATCH
IRONIC_CONF_DIR=$SCRATCH/etc
IRONIC_CONF_FILE=$IRONIC_CONF_DIR/ironic.conf
ENABLED_SERVICES=key,ir-api,ir-cond
RABBIT_USERID=stackrabbit
RABBIT_PASSWORD=secret
RABBIT_HOST=192.0.2.1
GLOBAL_VENV=True
DEVSTACK_VENV=$SCRATCH/venv
IRONIC_BIN_DIR=$DEVSTACK_VENV/bin
mkdir -p "$IRONIC_BIN_DIR" "$IRONIC_CONF_DIR"

if [[ -n "$DEVSTACK_DIR" ]]; then
    declare -A GITREPO GITBRANCH GITDIR
    # shellcheck disable=SC1091
    source "$DEVSTACK_DIR/functions"
    # shellcheck disable=SC1091
    source "$DEVSTACK_DIR/lib/rpc_backend"
else
    # shellcheck source=ironic_async_events/tests/unit/devstack/stand_in.sh
    source "$here/stand_in.sh"
fi

# The edges of the machine are only noted down.
function note {
    echo "$*" >> "$SCRATCH/calls"
}

# The program of the tables notes down which drivers it would have found.
cat > "$IRONIC_BIN_DIR/ironic-async-events-dbsync" <<EOF
#!/usr/bin/env bash
echo "dbsync \$*, drivers: \$(sed -n 's/^driver = //p' "\$2" | xargs)" \\
    >> "$SCRATCH/calls"
exit \${DBSYNC_EXIT:-0}
EOF
chmod +x "$IRONIC_BIN_DIR/ironic-async-events-dbsync"

function stop_process {
    note "stop_process $*"
}

# Functions of Ironic's plugin.
function start_ironic_api {
    note start_ironic_api
}

function start_ironic_conductor {
    note start_ironic_conductor
}

function setup_develop {
    note "setup_develop $*"
}

function pip_uninstall {
    note "pip_uninstall $* from ${PIP_VIRTUAL_ENV:-the system}"
}

function echo_summary {
    :
}

# local.conf is read first.
# shellcheck source=/dev/null
source "$LOCALRC"
load_plugin_settings

# As stack.sh does.
set -o errexit

for phase in "$@"; do
    if [[ "${phase%%:*}" == keep ]]; then
        cp "$IRONIC_CONF_FILE" "$SCRATCH/${phase#*:}"
        continue
    fi
    note "$phase"
    run_phase "${phase%%:*}" "${phase#*:}"
done
