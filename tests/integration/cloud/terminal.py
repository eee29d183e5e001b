"""A terminal at which an admin types what the documentation says."""

import contextlib
import os
import pathlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping

from tests.integration import daemons
from tests.integration.cloud import config
from tests.integration.cloud.plane import ControlPlane
from tests.shared import PATIENCE

INSTALL = config.ROOT / 'doc/source/install'
#: What is typed wherever a command prompts for a password.
PASSWORD = 'as typed'


def commands(page: pathlib.Path) -> Iterator[str]:
    """Those of a page by which Keystone is told of us: in literal blocks."""
    for command in re.findall(
        r'^ +(openstack (\w+) .*)$', page.read_text(), re.MULTILINE
    ):
        if command[1] in ('endpoint', 'role', 'service', 'user'):
            yield command[0]


class Terminal:
    """Of one user, with the stock ``openstack``, and nothing else of ours."""

    def __init__(
        self,
        plane: ControlPlane,
        user: str = 'admin',
        project: str = 'admin',
    ) -> None:
        self._environ = {
            'PATH': f'{pathlib.Path(sys.executable).parent}'
            f':{os.environ["PATH"]}',
            # Where this checkout is not what is installed.
            'PYTHONPATH': str(config.ROOT),
            'HOME': str(plane.workdir),
            'OS_AUTH_URL': f'{plane.at.url("keystone")}/v3',
            'OS_USERNAME': user,
            'OS_PASSWORD': config.PASSWORD,
            'OS_PROJECT_NAME': project,
            'OS_USER_DOMAIN_ID': 'default',
            'OS_PROJECT_DOMAIN_ID': 'default',
            'OS_IDENTITY_API_VERSION': '3',
        }
        #: All that was typed and printed.
        self.transcript: list[str] = []

    def follow(
        self, page: pathlib.Path, here: Mapping[str, str] | None = None
    ) -> None:
        """Type the commands of a page.

        :param here: what stands there for what it is here
        :raises DaemonError: one fails
        """
        for command in commands(page):
            for there, ours in (here or {}).items():
                command = command.replace(there, ours)
            self._type(command)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end; see its status and what it printed."""
        done = subprocess.run(
            shlex.split(command),
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            start_new_session=True,
        )
        self._remember(command, done.stderr + done.stdout)
        return done

    def _remember(self, command: str, said: str) -> None:
        self.transcript.append(f'$ {command}\n{said}')

    def _type(self, command: str) -> None:
        """Type it, and the password whenever it prompts for one.

        :raises DaemonError: it fails
        """
        ours, theirs = os.openpty()
        with (
            os.fdopen(ours, 'r+b', 0) as terminal,
            subprocess.Popen(
                [*daemons.CONTAINED, *shlex.split(command)],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env=self._environ,
                start_new_session=True,
            ) as process,
        ):
            os.close(theirs)
            said = b''
            # At its end there is an error instead of an end.
            with contextlib.suppress(OSError):
                while more := terminal.read(1000):
                    said += more
                    if said.rstrip().endswith(b'assword:'):
                        terminal.write(f'{PASSWORD}\n'.encode())
        text = said.decode().replace('\r\n', '\n')
        self._remember(command, text)
        if process.returncode:
            raise daemons.DaemonError(f'{command}: {text}')
