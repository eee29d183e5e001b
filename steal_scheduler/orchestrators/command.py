"""Any executable of yours as the orchestrator.

It is called with one argument, ``drain`` or ``reattach``, and the server in
its environment::

    STEAL_SERVER_ID  STEAL_SERVER_NAME  STEAL_SERVER_HOST
    STEAL_SERVER_ZONE  STEAL_SERVER_ROLE  STEAL_SERVER_METADATA (JSON)
    STEAL_NODE_NAME (what the orchestrator calls it)

and answers with its exit status: 0 is done, 75 (EX_TEMPFAIL) is under way
(it is called again at the next look), anything else is refused. Its last
line of output goes to the operator. Metadata that are longer than the kernel
lets a variable be are left out.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
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
#: Linux takes no variable of 128 KiB (MAX_ARG_STRLEN) or more.
_LONGEST = 120 * 1024


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

    def __init__(self, conf: Any, section: str) -> None:
        super().__init__(conf, section)
        path = self.options.path
        if not path or not os.path.isabs(path) or not shutil.which(path):
            raise ConfigError(
                f'[{section}] path = {path!r} is no executable: give its '
                'absolute path, and chmod +x it.'
            )

    def drain(self, server: Server, node: str) -> Answer:
        return self._answer('drain', server, node)

    def reattach(self, server: Server, node: str) -> Answer:
        return self._answer('reattach', server, node)

    def detached(self) -> frozenset[str]:
        if not self.options.lists_detached:
            return frozenset()
        done = self._run('detached', {})
        if done.returncode:
            raise OrchestratorError(
                f'[{self.section}] path answered "detached" with status '
                f'{done.returncode}: {_last_line(done.stdout)}'
            )
        return frozenset(done.stdout.split())

    def _answer(self, verb: str, server: Server, node: str) -> Answer:
        about = {
            'STEAL_SERVER_ID': server.server_id,
            'STEAL_SERVER_NAME': server.name,
            'STEAL_SERVER_HOST': server.host or '',
            'STEAL_SERVER_ZONE': server.zone or '',
            'STEAL_SERVER_ROLE': server.role or '',
            'STEAL_NODE_NAME': node,
        }
        metadata = json.dumps(dict(server.metadata))
        if len(metadata) < _LONGEST:
            about['STEAL_SERVER_METADATA'] = metadata
        done = self._run(verb, about)
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
        options = self.options
        passed = {
            k: os.environ[k]
            for k in ('PATH', 'HOME', 'LANG')
            if k in os.environ
        }
        command = [options.path, verb]
        # A file, not a pipe: whom it leaves behind would keep that open.
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(
                    command,
                    env=passed | server,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                raise OrchestratorError(
                    f'[{self.section}] path: {error}'
                ) from error
            try:
                status = process.wait(options.timeout)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise OrchestratorError(
                    f'[{self.section}] path {verb} did not end in '
                    f'{options.timeout:g} s'
                ) from error
            output.seek(0)
            said = output.read().decode(errors='replace')
        return subprocess.CompletedProcess(command, status, said)


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1][:200] if lines else ''
