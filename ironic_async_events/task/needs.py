# SPDX-License-Identifier: Apache-2.0
"""Attributes of Ironic and its libraries that the task manager calls."""

from ironic_async_events.patching.row import TASK_MANAGER
from ironic_async_events.patching.row import Need

NEEDS = (
    Need(
        TASK_MANAGER,
        (
            'TaskManager._spawn_method',
            'TaskManager._spawn_args',
            'TaskManager._spawn_kwargs',
        ),
        'the callback is decorated before it is spawned',
    ),
    Need(
        TASK_MANAGER,
        (
            'TaskManager._on_error_method',
            'TaskManager._on_error_args',
            'TaskManager._on_error_kwargs',
        ),
        'hooks are called with the arguments that they were promised',
    ),
    Need(
        TASK_MANAGER,
        (
            'TaskManager.context',
            'TaskManager.fsm',
            'TaskManager.node',
        ),
        'staging advances the state machine of the task, and then its node',
    ),
    Need(
        TASK_MANAGER,
        ('LOG',),
        'operators find the lines where Ironic writes them',
    ),
    Need(
        'ironic.common.context',
        ('RequestContext.update_store',),
        'the log lines of a worker carry the id of their request',
    ),
    Need(
        'ironic.conductor.utils',
        ('node_history_record',),
        'a refused request is recorded in the history of its node',
    ),
    Need(
        'ironic.conductor.notification_utils',
        ('emit_provision_set_notification',),
        'every saved state is announced',
    ),
    Need(
        'ironic.common.exception',
        ('NoFreeConductorWorker', 'NodeNotFound', 'TemporaryFailure'),
        'callers get the errors that they know',
    ),
    Need(
        'ironic.common.i18n',
        ('_',),
        'last_error is in the language of the service',
    ),
    Need(
        'ironic.common.states',
        (
            'CLEANHOLD',
            'DEPLOYHOLD',
            'INSPECTFAIL',
            'INSPECTING',
            'INSPECTWAIT',
            'NOSTATE',
            'SERVICEHOLD',
            'UNSTABLE_STATES',
        ),
        'they define where an operation begins and ends',
    ),
    Need(
        'ironic.common.states',
        ('CONDUCTOR', 'INTROSPECTION', 'PROVISIONING'),
        'they are the types of records in the history of a node',
    ),
    Need(
        'ironic.objects.node',
        (
            'Node._changed_fields',
            'Node._context',
            'Node.get_by_uuid',
            'Node.obj_refresh',
            'Node.obj_reset_changes',
            'Node.obj_what_changed',
            'Node.save',
        ),
        'a state is saved, and looked for when the answer was lost',
    ),
    Need(
        'ironic.objects.node',
        (
            'Node.driver_internal_info',
            'Node.last_error',
            'Node.provision_state',
            'Node.target_provision_state',
            'Node.uuid',
        ),
        'they are the fields of a state',
    ),
    Need(
        'ironic.conf',
        ('CONF',),
        'the numbered notification names its conductor',
    ),
    Need(
        'ironic.objects.base',
        ('IronicObjectRegistry.register',),
        'the numbered notification is an object of Ironic',
    ),
    Need(
        'ironic.objects.fields',
        ('IntegerField', 'ObjectField', 'StringField', 'UUIDField'),
        'the numbered notification has fields',
    ),
    Need(
        'ironic.objects.notification',
        (
            'EventType',
            'NotificationBase',
            'NotificationBase.emit',
            'NotificationPayloadBase',
            'NotificationPublisher',
        ),
        'the numbered notification is sent like other notifications',
    ),
    Need(
        'ironic.db.sqlalchemy.api',
        ('_session_for_read', '_session_for_write'),
        'a node and the record of its refusal are saved in one transaction',
    ),
    Need(
        'ironic.objects.node',
        (
            'Node.VERSION',
            'Node._from_db_object',
            'Node.dbapi',
            'Node.fields',
            'Node.get_target_version',
            'Node.id',
            'Node.indirection_api',
            'Node.maintenance_reason',
            'Node.traits',
        ),
        'they tell whether one UPDATE does what saving a node does',
        optional=True,
    ),
    Need(
        'ironic.common.states',
        ('MANAGEABLE',),
        'the end of an inspection is written with its state',
        optional=True,
    ),
    Need(
        'ironic.common.utils',
        ('is_ironic_using_sqlite',),
        'only one thread can write to SQLite',
    ),
    Need(
        'ironic.db.sqlalchemy.api',
        ('wrap_sqlite_retry',),
        'a locked SQLite is retried as Ironic does it',
        optional=True,
    ),
    Need(
        'ironic.db.sqlalchemy.models',
        ('Node', 'NodeBase.__table__', 'NodeTrait.__table__'),
        'one UPDATE saves a state, or locks a node',
        optional=True,
    ),
    Need(
        'ironic.common.exception',
        ('InvalidIdentity', 'NodeLocked', 'NodeNotLocked'),
        'a lock that cannot be had or released is said as Ironic says it',
        optional=True,
    ),
    Need(
        'oslo_db.exception',
        (
            'DBConstraintError',
            'DBDataError',
            'DBDeadlock',
            'DBDuplicateEntry',
            'DBError',
            'DBInvalidUnicodeParameter',
            'DBNonExistentTable',
            'DBNotSupportedError',
            'DBReferenceError',
        ),
        'they say whether a statement can be retried',
    ),
    Need(
        'oslo_db.sqlalchemy.orm',
        ('Session',),
        'one UPDATE does not save a node of which listeners are to hear',
        optional=True,
    ),
    Need(
        'oslo_db.sqlalchemy.enginefacade',
        ('reader.get_engine', 'writer.get_engine'),
        'errors of the database must not repeat the passwords of nodes',
    ),
    Need(
        'futurist',
        ('RejectedSubmission',),
        'it says that there was no worker',
    ),
    Need(
        'oslo_messaging.notify.notifier',
        ('Driver', 'Driver.notify'),
        'the driver in the configuration is the switch',
    ),
)
