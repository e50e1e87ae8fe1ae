# SPDX-License-Identifier: Apache-2.0
"""The command ``ironic-async-events-status``.

``upgrade check`` tells whether the plugin fits this Ironic, ``consumers``
which consumers never see a failure.
"""

from collections.abc import Sequence
import importlib
import sys

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from ironic_async_events import conf as async_conf
from ironic_async_events import redaction
from ironic_async_events.command import checks
from ironic_async_events.command import consumers
from ironic_async_events.command import threads

CONF = cfg.CONF

# The exit code of oslo.upgradecheck when the command itself failed.
_FAILED = 255


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options that the checks read.

    :param conf: a configuration
    """
    threads.as_ironic()
    from oslo_messaging import opts as messaging_opts  # chooses a backend too

    async_conf.register(conf)
    for group, options in messaging_opts.list_opts():
        if group == checks.NOTIFICATIONS:
            conf.register_opts(options, group=group)
    try:
        importlib.import_module('ironic.conf')
        # As in Ironic: the modules of its database need these defaults.
        importlib.import_module('osprofiler.opts').set_defaults(conf)
    except Exception:
        # Ironic is missing or broken: a check says so.
        if 'notification_level' not in conf:
            conf.register_opts([cfg.StrOpt('notification_level')])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    :param argv: the arguments; by default the arguments of the process
    :returns: the exit code of oslo.upgradecheck: 0, 1, 2 or 255
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ['consumers']:
        # This check looks at RabbitMQ, and at no configuration.
        return consumers.main(arguments[1:])
    register(CONF)
    try:
        code: int = upgradecheck.main(
            CONF,
            project='ironic',
            upgrade_command=checks.Checks(),
            argv=arguments,
        )
    except cfg.Error as e:
        print(
            f'The configuration cannot be read: {redaction.line(e)}',
            file=sys.stderr,
        )
        return _FAILED
    return code


if __name__ == '__main__':
    sys.exit(main())
