"""Any executable of yours as the orchestrator.

It is called with one argument, ``drain`` or ``reattach``, and the server in
its environment::

    STEAL_SERVER_ID  STEAL_SERVER_NAME  STEAL_SERVER_HOST
    STEAL_SERVER_ZONE  STEAL_SERVER_ROLE  STEAL_SERVER_METADATA (JSON)
    STEAL_NODE_NAME (what the orchestrator calls it)

and answers with its exit status: 0 is done, 75 (EX_TEMPFAIL) is under way
(it is called again at the next tick), anything else is refused. The last
line of output goes to the operator. What is longer than the kernel lets a
variable be is left out.
"""

import json
import os
import re
from typing import Any

from oslo_config import cfg

from steal_scheduler.edge.option import number
from steal_scheduler.exception import OrchestratorError, told_as
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators import base
from steal_scheduler.orchestrators.command import run
from steal_scheduler.orchestrators.command.executable import check_executable
from steal_scheduler.orchestrators.shared_options import LISTS_DETACHED

_UNDER_WAY = 75
_UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
#: Linux takes no variable of 128 KiB (MAX_ARG_STRLEN) or more.
_LONGEST = 120 * 1024


class Command(base.Orchestrator):
    OPTS = (
        cfg.StrOpt(
            'path',
            help="""
The absolute path of the executable that drains and reattaches servers. It is
required. It must be idempotent, and leave alone what others have drained.
Nobody but root and the user of steal-migrator may be able to write the file,
or a directory above it.
""",
        ),
        number(
            'timeout',
            default=20.0,
            allowed='0.1 to 50 seconds',
            help="""
Seconds after which the executable is killed. It is called again at the next
tick. Other servers of this orchestrator wait meanwhile: let it answer 75
instead of waiting.
""",
        ),
        LISTS_DETACHED,
    )

    def __init__(self, conf: Any, section: str) -> None:
        super().__init__(conf, section)
        check_executable(section, self.options.path)
        # And the time in which it is killed.
        self.seconds = self.options.timeout + 2

    def drain(self, server: Server, node: str) -> base.Answer:
        return self._answer('drain', server, node)

    def reattach(self, server: Server, node: str) -> base.Answer:
        return self._answer('reattach', server, node)

    def detached(self) -> frozenset[str]:
        if not self.options.lists_detached:
            return frozenset()
        result = self._run('detached', {})
        if result.status:
            raise OrchestratorError(
                f'[{self.section}] path = {self.options.path!r} answered '
                f'"detached" with {result.how}: {result.last_line}. Let it '
                'list them with status 0, or unset lists_detached.'
            )
        lines = (line.strip().lower() for line in result.output.splitlines())
        found = frozenset(line for line in lines if line)
        for line in found:
            if not _UUID.fullmatch(line):
                raise OrchestratorError(
                    f'[{self.section}] lists_detached: path detached printed '
                    f'{line[:60]!a}, which is no id of a server. Print one id '
                    'a line, and all other text to the standard error.'
                )
        return found

    def _answer(self, verb: str, server: Server, node: str) -> base.Answer:
        about = {
            'STEAL_SERVER_ID': server.server_id,
            'STEAL_SERVER_NAME': server.name,
            'STEAL_SERVER_HOST': server.host or '',
            'STEAL_SERVER_ZONE': server.zone or '',
            'STEAL_SERVER_ROLE': server.role or '',
            'STEAL_NODE_NAME': node,
            'STEAL_LEADERSHIP': str(self.leadership),
            'STEAL_SERVER_METADATA': json.dumps(dict(server.metadata)),
        }
        result = self._run(verb, about)
        if result.status == 0:
            return base.DONE
        if result.status == _UNDER_WAY:
            return base.waiting(result.last_line)
        return base.refused(f'{result.how}: {result.last_line}')

    def _run(self, verb: str, server: dict[str, str]) -> run.Result:
        """Run it with nothing of our environment but what it needs."""
        needed = ('PATH', 'HOME', 'LANG')
        environment = {
            k: os.fsencode(v) for k, v in os.environ.items() if k in needed
        }
        for name, text in server.items():
            # Metadata hold anything, and a variable does not.
            value = text.replace('\0', '').encode(errors='replace')
            if len(value) < _LONGEST:
                environment[name] = value
        with told_as(f'[{self.section}] path {verb} '):
            return run.run(
                [self.options.path, verb],
                environment,
                self.options.timeout,
                apart=verb == 'detached',
            )
