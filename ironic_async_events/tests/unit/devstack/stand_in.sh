#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What DevStack gives to a plugin, as far as this plugin uses it: the same
# names, arguments and results. DevStack's own functions take its place when
# DEVSTACK_DIR is set.

# edit <program of awk> <file> <name=value>... - rewrite a file in place
function edit {
    local program=$1
    local file=$2
    shift 2
    local -a settings=()
    local setting
    for setting in "$@"; do
        settings+=(-v "$setting")
    done
    awk "${settings[@]}" "
        /^\\[/ { here = (\$0 == \"[\" section \"]\") }
        function name() { return \$0 ~ \"^\" option \"[ \\t]*=\" }
        $program" "$file" > "$file.new"
    cat "$file.new" > "$file"
    rm "$file.new"
}

function ensure_section {
    if ! grep -qF "[$2]" "$1" 2>/dev/null; then
        printf '\n[%s]\n' "$2" >> "$1"
    fi
}

function iniget {
    awk -v section="$2" -v option="$3" '
        /^\[/ { here = ($0 == "[" section "]") }
        here && $0 ~ "^" option "[ \t]*=" {
            sub(/^[^=]*=[ \t]*/, ""); print
        }' "$1"
}

function iniget_multiline {
    local -a values
    mapfile -t values < <(iniget "$@")
    echo "${values[*]}"
}

function inidelete {
    edit '!(here && name()) { print }' "$1" section="$2" option="$3"
}

# A new option comes first in its section; a known one stays in its place.
function iniset {
    local known
    ensure_section "$1" "$2"
    known=$(awk -v section="$2" -v option="$3" '
        /^\[/ { here = ($0 == "[" section "]") }
        here && $0 ~ "^" option "[ \t]*="' "$1")
    if [[ -n "$known" ]]; then
        edit 'here && name() { print option " = " value; next } { print }' \
            "$1" section="$2" option="$3" value="$4"
    else
        edit '{ print } here && /^\[/ { print option " = " value }' \
            "$1" section="$2" option="$3" value="$4"
    fi
}

function iniset_multiline {
    local file=$1
    local section=$2
    local option=$3
    shift 3
    ensure_section "$file" "$section"
    inidelete "$file" "$section" "$option"
    local lines=""
    local value
    # Like DevStack's, it splits at white space.
    # shellcheck disable=SC2048
    for value in $*; do
        lines+="$option = $value\\n"
    done
    edit '{ print } here && /^\[/ { printf "%s", lines }' \
        "$file" section="$section" option="$option" lines="$lines"
}

function is_service_enabled {
    local service
    # shellcheck disable=SC2048
    for service in $*; do
        if [[ ",$ENABLED_SERVICES," == *,"$service",* ]]; then
            return 0
        fi
    done
    return 1
}

function enable_service {
    local service
    for service in "$@"; do
        if [[ ",$DISABLED_SERVICES," != *,"$service",* ]]; then
            ENABLED_SERVICES+=",$service"
        fi
    done
}

function disable_service {
    DISABLED_SERVICES+=",$1"
    ENABLED_SERVICES=${ENABLED_SERVICES//,$1/}
}

function define_plugin {
    :
}

function plugin_requires {
    :
}

function enable_plugin {
    DEVSTACK_PLUGINS+=" $1"
}

function load_plugin_settings {
    local plugin
    for plugin in $DEVSTACK_PLUGINS; do
        if [[ -f "$DEST/$plugin/devstack/settings" ]]; then
            # shellcheck disable=SC1090,SC1091
            source "$DEST/$plugin/devstack/settings"
        fi
    done
}

function run_phase {
    local plugin
    for plugin in $DEVSTACK_PLUGINS; do
        # shellcheck disable=SC1090,SC1091
        source "$DEST/$plugin/devstack/plugin.sh" "$1" "$2"
    done
}

function get_notification_url {
    if is_service_enabled rabbit; then
        echo "rabbit://$RABBIT_USERID:$RABBIT_PASSWORD@$RABBIT_HOST:5672/"
    fi
}

function die {
    shift
    echo "[ERROR] $*" >&2
    exit 1
}
