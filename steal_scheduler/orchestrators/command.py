"""Any executable of yours as the orchestrator.

It is called with one argument, ``drain`` or ``reattach``, and the server in
its environment::

    STEAL_SERVER_ID  STEAL_SERVER_NAME  STEAL_SERVER_HOST
    STEAL_SERVER_ZONE  STEAL_SERVER_ROLE  STEAL_SERVER_METADATA (JSON)

and answers with its exit status: 0 is done, 75 (EX_TEMPFAIL) is under way
(it is called again at the next look), anything else is refused. Its last
line of output goes to the operator.
"""

import json
import os
import shutil
import subprocess
from typing import Any

from oslo_config import cfg

from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.model import Server
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Orchestrator,
    State,
)

_UNDER_WAY = 75


class Command(Orchestrator):
    OPTS = (
        cfg.StrOpt(
            'path',
            help="""
The executable. It must be idempotent and leave alone what others detached.

Possible values:

* An absolute path.
""",
        ),
        cfg.FloatOpt(
            'timeout',
            default=20,
            min=0.1,
            max=50,
            help="""
Seconds after which it is killed and asked again at the next look. All other
moves wait meanwhile: answer 75 instead of waiting inside it.

Possible values:

* 0.1 to 50 seconds.
""",
        ),
        cfg.BoolOpt(
            'lists_detached',
            default=False,
            help="""
It also knows the argument ``detached``, and prints the ids of the servers
that it took out and did not put back, one a line.

Possible values:

* ``False`` (default), ``True``
""",
        ),
    )

    def __init__(self, conf: Any) -> None:
        super().__init__(conf)
        path = conf.command.path
        if not path or not os.path.isabs(path) or not shutil.which(path):
            raise ConfigError(
                f'[command] path = {path!r} is no executable: give its '
                'absolute path, and chmod +x it.'
            )

    def drain(self, server: Server) -> Answer:
        return self._answer('drain', server)

    def reattach(self, server: Server) -> Answer:
        return self._answer('reattach', server)

    def detached(self) -> frozenset[str]:
        if not self.conf.command.lists_detached:
            return frozenset()
        done = self._run('detached', {})
        if done.returncode:
            raise OrchestratorError(
                f'[command] path answered "detached" with status '
                f'{done.returncode}: {_last_line(done.stdout)}'
            )
        return frozenset(done.stdout.split())

    def _answer(self, verb: str, server: Server) -> Answer:
        done = self._run(
            verb,
            {
                'STEAL_SERVER_ID': server.server_id,
                'STEAL_SERVER_NAME': server.name,
                'STEAL_SERVER_HOST': server.host or '',
                'STEAL_SERVER_ZONE': server.zone or '',
                'STEAL_SERVER_ROLE': server.role or '',
                'STEAL_SERVER_METADATA': json.dumps(dict(server.metadata)),
            },
        )
        if done.returncode == 0:
            return DONE
        detail = _last_line(done.stdout)
        if done.returncode == _UNDER_WAY:
            return Answer(State.WAITING, detail)
        return Answer(State.REFUSED, f'status {done.returncode}: {detail}')

    def _run(
        self, verb: str, server: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run it with nothing of our environment but what it needs."""
        options = self.conf.command
        passed = {
            k: os.environ[k]
            for k in ('PATH', 'HOME', 'LANG')
            if k in os.environ
        }
        try:
            return subprocess.run(
                [options.path, verb],
                env=passed | server,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=options.timeout,
                text=True,
                errors='replace',
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise OrchestratorError(
                f'[command] path {verb} did not end in {options.timeout:g} s'
            ) from error
        except (OSError, ValueError) as error:
            raise OrchestratorError(f'[command] path: {error}') from error


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1][:200] if lines else ''
