# SPDX-License-Identifier: Apache-2.0
"""The command ``ironic-async-events-status``.

``upgrade check`` tells whether the plugin fits this Ironic, ``consumers``
which consumers never see a failure.
"""

from collections.abc import Sequence
import sys

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from ironic_async_events import conf as async_conf
from ironic_async_events import redaction
from ironic_async_events.command import checks
from ironic_async_events.command import consumers
from ironic_async_events.command import ironic_conf

CONF = cfg.CONF


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options that the checks read."""
    ironic_conf.choose_threads_of_ironic()
    from oslo_messaging import opts as messaging_opts  # chooses a backend too

    async_conf.register(conf)
    for group, options in messaging_opts.list_opts():
        if group == checks.NOTIFICATIONS:
            conf.register_opts(options, group=group)
    try:
        ironic_conf.register_ironic(conf)
    except Exception:
        # Ironic is missing or broken: a check says so.
        if 'notification_level' not in conf:
            conf.register_opts([cfg.StrOpt('notification_level')])


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    :returns: the exit code of oslo.upgradecheck: 0, 1, 2 or 255
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ['consumers']:
        # This check looks at RabbitMQ, and at no configuration.
        return consumers.main(arguments[1:])
    register(CONF)
    try:
        return upgradecheck.main(
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
        return 255


if __name__ == '__main__':
    sys.exit(main())
