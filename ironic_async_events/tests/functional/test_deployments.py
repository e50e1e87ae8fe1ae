# SPDX-License-Identifier: Apache-2.0
"""Ironic as the tools that deploy it configure it, with our lines.

Skipped without copies of the tools, see :mod:`.deployments`.
"""

import os
import pathlib
from typing import ClassVar

from oslo_config import cfg
from testtools import content

from ironic_async_events.tests.functional import base
from ironic_async_events.tests.functional import deployments
from ironic_async_events.tests.functional import test_notifications
from ironic_async_events.tests.tempest import bus
from laboratory import deployment
from laboratory import lifecycle
from laboratory import processes
from laboratory import service
from laboratory import witness

COPIES = pathlib.Path(os.environ.get(deployments.VARIABLE, ''))
DRIVERS = {
    'plugin': ['messagingv2', 'async_events'],
    'outbox': ['async_events_outbox'],
}
WANTED = deployment.Run(
    plugin=True,
    rabbitmq=True,
    clients=2,
    operations=lifecycle.SHORT_LIFE,
)


def read_drivers(*arguments: str, home: str = '') -> list[str]:
    """Read the notification drivers as an Ironic service does."""
    conf = cfg.ConfigOpts()
    conf.register_opt(
        cfg.MultiStrOpt('driver'), 'oslo_messaging_notifications'
    )
    directory = pathlib.Path(home, '.ironic', 'ironic.conf.d')
    conf(
        list(arguments),
        project='ironic',
        default_config_files=[],
        default_config_dirs=[str(directory)] if directory.is_dir() else [],
    )
    return list(conf.oslo_messaging_notifications.driver or [])


def conductor(ironic: service.Ironic) -> str:
    """Name the command that runs the conductor."""
    return 'ironic-conductor' if ironic.split else 'ironic'


class Deployed:
    """A whole life with the files that a tool has written."""

    tool: ClassVar[str]

    def need(self, program: str) -> None:
        """Skip the test without a program."""
        if deployments.program(program) is None:
            self.skipTest(f'{program} is not installed')

    def show(self, log: pathlib.Path) -> None:
        """Show the end of a log when the test fails."""
        self.addOnException(
            lambda _exc_info: self.addDetail(
                log.name, content.text_content(processes.tail(log, 60))
            )
        )

    def place(self, kind: str) -> deployments.Place:
        """Say where the tool is rendered."""
        if not (COPIES / self.tool).is_dir():
            self.skipTest(f'no copy of {self.tool}')
        return deployments.Place(
            COPIES,
            self.useFixture(base.Directory()).path,
            kind,
            base.rabbitmq().url,
        )

    def lead(self, running: deployment.Bench) -> None:
        """Lead nodes through a life; nothing is lost or out of order."""
        result = deployment.measure(running, WANTED)
        self.assertEqual(WANTED.total, result.operations)
        self.assertEqual([], list(result.account.rows))
        self.assertEqual([], result.malformed)
        self.assertEqual(result.account.expected, result.account.received)
        log = running.ironic.log(conductor(running.ironic)).read_text()
        self.assertEqual(1, len(test_notifications.installed_in(log)))
        self.assertNotIn('Could not load', log)


class Rendered(Deployed):
    """A tool whose templates are rendered by a program."""

    @property
    def row(self) -> deployments.Tool:
        """The tool in the table."""
        return deployments.TOOLS[self.tool]

    def check(self, kind: str) -> None:
        """Render, read the drivers, and start services with the result."""
        self.need(self.row.needs)
        place = self.place(kind)
        rendered = self.row.render(place)
        rabbit = base.rabbitmq()
        ironic = deployments.Deployed(
            self.useFixture(base.Directory()).path,
            rendered,
            self.row.names_directory,
            database='' if self.row.standalone else base.new_database(),
            transport=rabbit.url,
            split=not self.row.standalone,
        )
        self.show(ironic.log(conductor(ironic)))
        with deployment.watched(
            ironic, rabbit.amqp_url, kind == 'outbox'
        ) as running:
            arguments = ironic.part('ironic').argv[1:]
            self.assertEqual(
                DRIVERS[kind],
                read_drivers(*arguments, home=str(ironic.directory)),
            )
            # It fails when one of the checks warns.
            ironic.run_once('ironic-async-events-status', 'upgrade', 'check')
            ironic.run_once('ironic-async-events-dbsync', 'current')
            self.lead(running)

    def test_the_plugin_is_switched_on(self):
        self.check('plugin')

    def test_the_outbox_is_switched_on(self):
        self.check('outbox')


class KollaAnsible(Rendered, base.FunctionalTestCase):
    tool = 'kolla-ansible'


class Kayobe(Rendered, base.FunctionalTestCase):
    tool = 'kayobe'


class Bifrost(Rendered, base.FunctionalTestCase):
    tool = 'bifrost'


class OpenStackHelm(Rendered, base.FunctionalTestCase):
    tool = 'openstack-helm'


class IronicOperator(Rendered, base.FunctionalTestCase):
    tool = 'ironic-operator'


class IronicImage(Deployed, base.FunctionalTestCase):
    """The scripts of the image run, with a Dockerfile's changes."""

    tool = 'ironic-image'

    def check(self, kind: str) -> None:
        """Start the image and lead nodes through a life."""
        self.need('ipcalc')
        rabbit = base.rabbitmq()
        ironic = deployments.IronicImage(self.place(kind))
        ironic.build()
        self.show(ironic.log('ironic'))
        recording = ironic.directory / 'notifications.jsonl'
        with bus.Collector(rabbit.amqp_url, recording) as collector, ironic:
            self.assertEqual(
                DRIVERS[kind],
                read_drivers(
                    '--config-dir', str(ironic.root / 'conf' / 'ironic')
                ),
            )
            eye = witness.Witness(ironic.database)
            eye.install()
            self.lead(deployment.Bench(ironic, eye, collector))

    def test_the_plugin_is_switched_on(self):
        self.check('plugin')

    def test_the_outbox_is_switched_on(self):
        self.check('outbox')


class Environment(base.FunctionalTestCase):
    """What is said on the pages about variables of the environment."""

    def test_a_variable_is_read_letter_by_letter(self):
        name = 'OS_OSLO_MESSAGING_NOTIFICATIONS__DRIVER'
        os.environ[name] = 'log'
        self.addCleanup(os.environ.pop, name)
        self.assertEqual(['l', 'o', 'g'], read_drivers())

    def test_lines_of_several_files_are_one_list(self):
        path = self.useFixture(base.Directory()).path
        for file, driver in (('1.conf', 'messagingv2'), ('2.conf', 'log')):
            (path / file).write_text(
                f'[oslo_messaging_notifications]\ndriver = {driver}\n'
            )
        self.assertEqual(
            ['messagingv2', 'log'], read_drivers('--config-dir', str(path))
        )
