# SPDX-License-Identifier: Apache-2.0
"""Changes to Ironic's own unit tests that follow a rule."""

UNIT = 'ironic/tests/unit/conductor'
TASK_MANAGER = f'{UNIT}/test_task_manager.py'
MANAGER = f'{UNIT}/test_manager.py'
BASE_MANAGER = f'{UNIT}/test_base_manager.py'
UTILS = f'{UNIT}/test_utils.py'
