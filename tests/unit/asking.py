"""Somebody who asks a migrator for something, as over the message bus."""

import concurrent.futures
from collections.abc import Mapping
from typing import Any

from tests.shared import PATIENCE
from tests.unit.rig import Rig

ALICE: Mapping[str, Any] = {
    'user_id': '9f1c',
    'user_name': 'alice',
    'project_id': 'ops',
    'roles': ['admin'],
}


def of_project(project_id: str) -> dict[str, Any]:
    """Who may see the servers of this project alone."""
    return {**ALICE, 'scope': {'project_id': project_id}}


def look(
    rig: Rig, method: str, who: Mapping[str, Any] = ALICE, **args: Any
) -> dict[str, Any]:
    return rig.desk.answer(method, args, who)


def ask(
    rig: Rig, method: str, who: Mapping[str, Any] = ALICE, **args: Any
) -> dict[str, Any]:
    """Ask, let it tick once, and return the answer; or raise the refusal."""
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        answer = threads.submit(rig.desk.answer, method, args, who)
        while not answer.done() and not rig.desk.waiting:
            concurrent.futures.wait([answer], 0.001)
        if not answer.done():
            rig.tick(3)
        return answer.result(PATIENCE)
