# SPDX-License-Identifier: Apache-2.0
"""Ironic's configuration, for a command that needs Ironic's database."""

from collections.abc import Sequence
import importlib
import sys

from oslo_config import cfg
from oslo_log import log as logging

from ironic_async_events import conf as async_conf

CONF = cfg.CONF

# Ironic's commands choose the service backend when they are imported: Ironic
# 32 and later, and the releases before it.
_FIRST_IMPORTS = ('ironic.command', 'ironic.cmd')


def prepare() -> None:
    """Register the options of Ironic and of the plugin.

    Ends the program with one line where there is no Ironic.
    """
    for name in _FIRST_IMPORTS:
        try:
            importlib.import_module(name)
            break
        except ModuleNotFoundError as e:
            if e.name not in (name, 'ironic'):
                raise
    else:
        sys.exit(
            'Ironic is not installed in this Python environment. Run this '
            'command where Ironic lives.'
        )
    importlib.import_module('ironic.conf')
    logging.register_options(CONF)
    async_conf.register(CONF)


def read(arguments: Sequence[str], files: Sequence[str] = ()) -> None:
    """Read the configuration as Ironic's own commands do.

    Ends the program with one line when it cannot be read.

    :param arguments: options of oslo.config
    :param files: configuration files; Ironic's own by default
    """
    try:
        CONF(
            list(arguments),
            project='ironic',
            default_config_files=list(files) or None,
        )
    except cfg.Error as e:
        sys.exit(f'The configuration cannot be read: {e}')
    logging.setup(CONF, 'ironic')
    # Says which of its own parts it has loaded.
    logging.getLogger('alembic.runtime.plugins').logger.setLevel('WARNING')
