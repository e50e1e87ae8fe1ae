# SPDX-License-Identifier: Apache-2.0
"""Ironic as the tools that deploy it configure it.

Each function renders the real templates of a tool, from a copy of its
repository, with the lines that our documentation tells operators to add.

``DEPLOYMENTS_DIR`` names a directory with the copies: ``kolla-ansible``,
``kayobe``, ``bifrost``, ``openstack-helm``, ``ironic-image`` and
``ironic-operator``. They are never part of this repository.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
from typing import Any

import yaml

from laboratory import configuration
from laboratory import errors
from laboratory import processes
from laboratory import service

VARIABLE = 'DEPLOYMENTS_DIR'
BUS = 'rabbit://user:password@bus.example.org:5672/'
"""The bus of the documentation."""

_HERE = pathlib.Path(__file__).resolve().parent
FILES = _HERE.parents[2] / 'doc' / 'source' / 'install' / 'files'
"""What the documentation tells operators to write."""

_HOST = 'localhost'


@dataclasses.dataclass(frozen=True, slots=True)
class Rendered:
    """The configuration that a tool writes.

    :param more: files of ``ironic.conf.d``, with their texts.
    """

    main: str
    more: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a tool is rendered.

    :param copies: the copies of the repositories.
    :param scratch: an empty directory.
    :param kind: ``plugin`` or ``outbox``.
    :param bus: the URL of the message bus, for tools that bring none.
    """

    copies: pathlib.Path
    scratch: pathlib.Path
    kind: str
    bus: str = BUS

    def copy(self, *path: str) -> pathlib.Path:
        """Name a file of a copy."""
        return self.copies.joinpath(*path)

    def lines(self, name: str) -> str:
        """Read what the documentation tells operators to write."""
        text = (FILES / name.format(self.kind)).read_text()
        return text.replace(BUS, self.bus)

    def write(self, name: str, text: str) -> pathlib.Path:
        """Write a file below the scratch directory."""
        path = self.scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def _run(
    argv: Sequence[str | pathlib.Path],
    environment: Mapping[str, str] | None = None,
    text: str = '',
) -> str:
    done = subprocess.run(
        argv,
        env=os.environ | dict(environment or {}),
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        end = '\n'.join((done.stdout + done.stderr).splitlines()[-40:])
        raise errors.LaboratoryError(f'{argv[0]} failed:\n{end}')
    return done.stdout


def program(name: str) -> str | None:
    """Find a program that renders; None when it is not installed."""
    return shutil.which(name)


# Ansible


def _play(
    place: Place,
    tasks: Sequence[Mapping[str, Any]],
    variables: Mapping[str, object],
    files: Sequence[pathlib.Path] = (),
    environment: Mapping[str, str] | None = None,
    group_vars: pathlib.Path | None = None,
) -> None:
    """Run tasks with ansible-core on this host.

    :param group_vars: of the tool.
    """
    groups = ('memcached', 'ironic-conductor', 'ironic-api')
    inventory = place.write(
        'inventory/hosts',
        f'{_HOST} ansible_connection=local\n'
        + ''.join(f'[{group}]\n{_HOST}\n' for group in groups),
    )
    if group_vars is not None:
        link = inventory.parent / 'group_vars'
        if not link.exists():
            link.symlink_to(group_vars)
    play = {
        'hosts': _HOST,
        'gather_facts': True,
        'vars_files': [str(path) for path in files],
        'tasks': list(tasks),
    }
    book = place.write('play.yml', json.dumps([play]))
    python = {'ansible_python_interpreter': '{{ ansible_playbook_python }}'}
    extra = place.write('extra.json', json.dumps(python | dict(variables)))
    _run(
        ['ansible-playbook', '-i', inventory, book, '-e', f'@{extra}'],
        {
            'ANSIBLE_DEPRECATION_WARNINGS': 'false',
            'ANSIBLE_HOME': str(place.scratch / 'ansible'),
            'ANSIBLE_LOCALHOST_WARNING': 'false',
            # Packages that were not installed do not know their version.
            'PBR_VERSION': '0',
        }
        | dict(environment or {}),
    )


def _task(path: pathlib.Path, name: str) -> dict[str, Any]:
    """Take a task out of a role, to be run for this host as this user."""
    (found,) = (
        task
        for task in yaml.safe_load(path.read_text())
        if task.get('name') == name
    )
    for key in ('become', 'when', 'with_dict', 'vars'):
        found.pop(key, None)
    return dict(found)


def _kolla_merged(place: Place, custom: pathlib.Path) -> str:
    """Run Kolla-Ansible's own task that writes ``ironic.conf``."""
    ansible = place.copy('kolla-ansible', 'ansible')
    role = ansible / 'roles' / 'ironic'
    task = _task(role / 'tasks' / 'config.yml', 'Copying over ironic.conf')
    # A variable of this name is Ansible's own.
    task = json.loads(json.dumps(task).replace('{{ role_path }}', str(role)))
    written = place.scratch / 'ironic-conductor'
    written.mkdir()
    _play(
        place,
        [task],
        {
            'item': {'key': 'ironic-conductor'},
            'service_name': 'ironic-conductor',
            'node_custom_config': str(custom),
            'node_config_directory': str(place.scratch),
            'network_interface': 'lo',
            'database_address': '127.0.0.1',
            'kolla_internal_vip_address': '127.0.0.1',
            # Its default needs a collection of Ansible.
            'kolla_same_external_internal_vip': True,
            'kolla_base_distro': 'debian',
            'rpc_transport_url': BUS,
            'notify_transport_url': BUS,
            # The template then has a driver of its own, messagingv2.
            'enable_ceilometer': True,
            'ironic_database_password': 'secret',
            'ironic_keystone_password': 'secret',
            'memcache_secret_key': 'secret',
        },
        [role / 'defaults' / 'main.yml'],
        {
            'ANSIBLE_ACTION_PLUGINS': str(ansible / 'action_plugins'),
            'ANSIBLE_FILTER_PLUGINS': str(ansible / 'filter_plugins'),
            'PYTHONPATH': str(place.copy('kolla-ansible')),
        },
        ansible / 'group_vars',
    )
    return (written / 'ironic.conf').read_text()


def kolla_ansible(place: Place) -> Rendered:
    """Merge as Kolla-Ansible does, with its own task and action."""
    custom = place.write('config/ironic.conf', place.lines('{}.conf')).parent
    return Rendered(_kolla_merged(place, custom))


def kayobe(place: Place) -> Rendered:
    """Merge as Kayobe does, and then as Kolla-Ansible does."""
    role = place.copy('kayobe', 'ansible', 'roles', 'kolla-openstack')
    own = place.write(
        'kayobe/kolla/config/ironic.conf', place.lines('{}.conf')
    )
    custom = place.scratch / 'config'
    custom.mkdir()
    task = {
        'merge_configs': {
            'sources': [
                str(role / 'templates' / 'kolla' / 'config' / 'ironic.conf'),
                str(own),
            ],
            'dest': str(custom / 'ironic.conf'),
        }
    }
    _play(
        place,
        [task],
        {
            'kolla_extra_ironic': '',
            # Kayobe's playbook passes these to the role.
            'kolla_inspector_discovery_enroll_node_driver': 'redfish',
            'kolla_inspector_enable_discovery': False,
        },
        [role / 'defaults' / 'main.yml'],
        {
            'ANSIBLE_ACTION_PLUGINS': str(
                place.copy('kayobe', 'ansible', 'action_plugins')
            ),
            'PYTHONPATH': str(place.copy('kayobe')),
        },
        place.copy('kayobe', 'ansible', 'inventory', 'group_vars'),
    )
    shutil.rmtree(place.scratch / 'inventory')
    return Rendered(_kolla_merged(place, custom))


def bifrost(place: Place) -> Rendered:
    """Render Bifrost's template; our lines are in a file beside it."""
    role = place.copy(
        'bifrost', 'playbooks', 'roles', 'bifrost-ironic-install'
    )
    written = place.scratch / 'bifrost.conf'
    _play(
        place,
        [
            {
                'template': {
                    'src': str(role / 'templates' / 'ironic.conf.j2'),
                    'dest': str(written),
                }
            }
        ],
        {
            'internal_ip': '127.0.0.1',
            'isolinux_bin_path': '/usr/lib/ISOLINUX/isolinux.bin',
            'enabled_hardware_types': 'fake-hardware',
            'admin_password': 'secret',
        },
        [
            role / 'vars' / 'main.yml',
            role / 'vars' / 'debian.yml',
            role / 'defaults' / 'main.yml',
        ],
    )
    return Rendered(
        written.read_text(),
        {'async-events.conf': place.lines('standalone-{}.conf')},
    )


# Go


def _template(
    name: str, files: Sequence[pathlib.Path], values: Mapping[str, object]
) -> str:
    """Render a template of Go."""
    source = _HERE / 'template.go'
    return _run(['go', 'run', source, name, *files], text=json.dumps(values))


def _laid_over(values: Any, more: Any) -> Any:
    """Lay the values of an operator over those of a chart, as Helm does."""
    if isinstance(values, dict) and isinstance(more, dict):
        return values | {
            key: _laid_over(values.get(key), value)
            for key, value in more.items()
        }
    return more


def openstack_helm(place: Place) -> Rendered:
    """Render the values of the chart with helm-toolkit's own helper."""
    chart = place.copy('openstack-helm', 'ironic', 'values.yaml')
    values = _laid_over(
        yaml.safe_load(chart.read_text()),
        yaml.safe_load(place.lines('helm-{}.yaml')),
    )
    utils = place.copy('openstack-helm', 'helm-toolkit', 'templates', 'utils')
    return Rendered(
        _template(
            'helm-toolkit.utils.to_oslo_conf',
            [utils / '_to_oslo_conf.tpl', utils / '_joinListWithComma.tpl'],
            values['conf']['ironic'],
        )
    )


def ironic_operator(place: Place) -> Rendered:
    """Render the templates of the operator, and lay out what it mounts."""
    templates = place.copy('ironic-operator', 'templates')
    values = {
        'RPCTransport': 'oslo',
        'TransportURL': BUS,
        'LogPath': '/var/log/ironic/ironic.log',
        'DatabaseConnection': 'mysql+pymysql://ironic@127.0.0.1/ironic',
        'QuorumQueues': True,
        'Standalone': False,
        'KeystoneInternalURL': 'http://127.0.0.1:5000',
        'KeystonePublicURL': 'http://127.0.0.1:5000',
        'ServiceUser': 'ironic',
        'ServicePassword': 'secret',
        'GracefulShutdownTimeout': 60,
    }
    plane = yaml.safe_load(place.lines('operator-{}.yaml'))
    custom = plane['spec']['ironic']['template']['customServiceConfig']
    return Rendered(
        _template(
            'ironic.conf',
            [templates / 'common' / 'config' / 'ironic.conf'],
            values,
        ),
        {
            '01-conductor.conf': _template(
                '01-conductor.conf',
                [
                    templates
                    / 'ironicconductor'
                    / 'config'
                    / '01-conductor.conf'
                ],
                values,
            ),
            '02-ironic-custom.conf': custom,
        },
    )


# What writes ironic.conf with a script is ironic-image: see IronicImage.


@dataclasses.dataclass(frozen=True, slots=True)
class Tool:
    """A tool that writes ``ironic.conf``.

    :param needs: the program that renders its templates.
    :param names_directory: whether services are started with
        ``--config-dir``; otherwise they find it.
    :param standalone: runs the all-in-one service, and brings no bus.
    """

    render: Callable[[Place], Rendered]
    needs: str
    names_directory: bool = False
    standalone: bool = False


TOOLS: Mapping[str, Tool] = {
    'kolla-ansible': Tool(kolla_ansible, 'ansible-playbook'),
    'kayobe': Tool(kayobe, 'ansible-playbook'),
    'bifrost': Tool(bifrost, 'ansible-playbook', standalone=True),
    'openstack-helm': Tool(openstack_helm, 'go', names_directory=True),
    'ironic-operator': Tool(ironic_operator, 'go', names_directory=True),
}

# What is of the host and not of the tool.
_OF_THE_HOST: configuration.Options = {
    'DEFAULT': {
        'log_file': '',
        'log_config_append': '',
        'my_ip': '127.0.0.1',
    },
    'oslo_policy': {'policy_file': 'policy.yaml'},
    # The listener of the test declares the exchange without durability.
    'oslo_messaging_rabbit': {
        'amqp_durable_queues': False,
        'rabbit_quorum_queue': False,
        'rabbit_stream_fanout': False,
        'rabbit_transient_quorum_queue': False,
    },
}


class Deployed(service.Ironic):
    """An Ironic with the ``ironic.conf`` that a tool has written.

    What belongs to the host (database, bus, ports, paths) comes from a file
    that is read last. The notification drivers are the tool's.
    """

    def __init__(
        self,
        directory: pathlib.Path,
        rendered: Rendered,
        names_directory: bool,
        **keywords: Any,
    ) -> None:
        super().__init__(directory, plugin=True, **keywords)
        self.options = configuration.merged(self.options, _OF_THE_HOST)
        del self.options['oslo_messaging_notifications']['driver']
        self.options['oslo_messaging_notifications']['transport_url'] = (
            keywords['transport']
        )
        self.options['DEFAULT']['tempdir'] = directory
        self._rendered = rendered
        self._names_directory = names_directory

    def part(
        self,
        name: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> processes.Process:
        """Prepare one command, as :class:`laboratory.service.Ironic` does."""
        # A place where oslo.config looks by itself, as in /etc/ironic.
        more = self.directory / '.ironic' / 'ironic.conf.d'
        more.mkdir(parents=True, exist_ok=True)
        named = ['--config-dir', str(more)] if self._names_directory else []
        host = self.directory / 'host.conf'
        process = super().part(
            name,
            [*named, '--config-file', str(host), *arguments],
            {'HOME': str(self.directory)} | dict(environment or {}),
        )
        self._config.rename(host)
        self._config.write_text(self._rendered.main)
        for file, text in self._rendered.more.items():
            (more / file).write_text(text)
        return process


# Paths of the image; everything else in its scripts stays.
_OF_THE_IMAGE = re.compile(
    r'(?<![\w.}/])/(?=(?:auth|bin|certs|conf|data|etc/ironic|shared|templates'
    r'|tmp|usr/bin/ironic|var/lib/ironic)\b)'
)


class IronicImage(service.Ironic):
    """Metal3's ironic-image without a container.

    Its own scripts run, with all paths below one directory.
    """

    def __init__(self, place: Place) -> None:
        self.root = place.scratch / 'root'
        super().__init__(place.scratch, plugin=True)
        self.database = f'sqlite:///{self.root}/data/db/ironic.sqlite'
        beside_python = pathlib.Path(service.script('ironic')).parent
        path = f'{self.root}/bin:{beside_python}:{os.environ["PATH"]}'
        self._environment = {
            'CUSTOM_CONFIG_DIR': str(self.root / 'conf'),
            'CUSTOM_DATA_DIR': str(self.root / 'data'),
            'IRONIC_IP': '127.0.0.1',
            'IRONIC_LISTEN_PORT': str(self.port),
            'NUMWORKERS': '1',
            'PATH': path,
        }
        self._place = place

    def _moved(self, text: str) -> str:
        return _OF_THE_IMAGE.sub(f'{self.root}/', text)

    def build(self) -> None:
        """Lay out the image, and do with it what our Dockerfile says."""
        image = self._place.copy('ironic-image')
        for name in (
            'bin',
            'conf/ironic',
            'etc/ironic',
            'templates',
            'tmp',
            'usr/bin',
            'var/lib/ironic',
        ):
            (self.root / name).mkdir(parents=True)
        for script in (image / 'scripts').iterdir():
            written = self.root / 'bin' / script.name
            written.write_text(self._moved(script.read_text()))
            written.chmod(0o755)
        for name, place in (
            ('ironic.conf.j2', 'etc/ironic'),
            ('ipxe_config.template', 'templates'),
        ):
            shutil.copy(image / 'ironic-config' / name, self.root / place)
        (self.root / 'var/lib/ironic/ironic.sqlite').touch()
        (self.root / 'bin/python3.12').symlink_to(service.script('python'))
        (self.root / 'usr/bin/ironic').symlink_to(service.script('ironic'))
        self._place.write(
            'root/tmp/async-events.conf',
            self._place.lines('standalone-{}.conf'),
        )
        left_out = [' pip ']
        if self._place.kind == 'plugin':
            left_out.append('dbsync')
        for line in (
            (FILES / 'ironic-image.Dockerfile').read_text().split('\n')
        ):
            if line.startswith('RUN ') and not any(
                x in line for x in left_out
            ):
                _run(['bash', '-c', self._moved(line.removeprefix('RUN '))])
        # Of the host: hardware of which there is none.
        options = configuration.merged(self.options, _OF_THE_HOST)
        for group in ('database', 'api', 'oslo_messaging_notifications'):
            del options[group]
        del options['DEFAULT']['rpc_transport']
        configuration.write(self.root / 'conf/ironic/zz-host.conf', options)

    def serve(self) -> None:
        """Run the image's entry point."""
        self.running.append(
            processes.Process(
                'runironic',
                ['bash', str(self.root / 'bin' / 'runironic')],
                self.log('ironic'),
                self._environment,
            ).start()
        )
        self.running[-1].require(
            lambda: self.conductors() > 0,
            service.START_SECONDS,
            'register its conductor',
        )
