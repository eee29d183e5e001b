"""The migrator's user, made as the documentation says."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys

from tests.integration import daemons
from tests.integration.cloud import config
from tests.integration.cloud.plane import ControlPlane

PAGE = pathlib.Path(__file__).parents[3] / 'doc/source/install/rights.rst'
PASSWORD = 'as typed'


def commands() -> list[str]:
    """Those of the page, as they stand in its literal blocks."""
    return re.findall(r'^    (openstack .*)$', PAGE.read_text(), re.MULTILINE)


def make_user(plane: ControlPlane) -> None:
    """Type the commands, as the cloud's admin.

    :raises DaemonError: one fails
    """
    environ = {
        'PATH': f'{pathlib.Path(sys.executable).parent}:{os.environ["PATH"]}',
        'HOME': str(plane.workdir),
        'OS_AUTH_URL': f'{plane.at.url("keystone")}/v3',
        'OS_USERNAME': 'admin',
        'OS_PASSWORD': config.PASSWORD,
        'OS_PROJECT_NAME': 'admin',
        'OS_USER_DOMAIN_ID': 'default',
        'OS_PROJECT_DOMAIN_ID': 'default',
        'OS_IDENTITY_API_VERSION': '3',
    }
    for command in commands():
        _type(command, environ)


def _type(command: str, environ: dict[str, str]) -> None:
    """Type it at a terminal, and the password whenever it prompts for one.

    :raises DaemonError: it fails
    """
    ours, theirs = os.openpty()
    with (
        os.fdopen(ours, 'r+b', 0) as terminal,
        subprocess.Popen(
            [*daemons.CONTAINED, *command.split()],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environ,
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
    if process.returncode:
        raise daemons.DaemonError(f'{command}: {said.decode()}')
