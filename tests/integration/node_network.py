"""A network for the nodes of a cluster, and for nobody else.

A kubelet listens on all addresses, whatever it is told: here there are but
two, and only this machine reaches them.
"""

import os
import pathlib
import random
import subprocess
from typing import Self

from tests.integration import daemons


class NodeNetwork:
    """A network namespace with one cable to ours."""

    def __init__(self, directory: pathlib.Path) -> None:
        """Describe it; start nothing.

        :raises DaemonError: a program is missing
        """
        # Others may have one too, on this machine.
        number = random.randrange(1 << 14)
        net = f'10.78.{number >> 6}'
        #: Ours, where the nodes find what they look for.
        self.address = f'{net}.{(number & 63) * 4 + 1}'
        self._theirs = f'{net}.{(number & 63) * 4 + 2}'
        self._cable = f'steal{number}'
        self._ip = daemons.program('ip')
        self._nsenter = daemons.program('nsenter')
        self._daemon = daemons.Daemon(
            'node-network',
            [
                daemons.program('unshare'),
                '--net',
                *('sh', '-c', 'exec sleep infinity'),
            ],
            directory,
            self._is_apart,
        )

    def __enter__(self) -> Self:
        """Make it.

        :raises DaemonError: we are not root
        """
        if os.geteuid() != 0:
            raise daemons.DaemonError('Only root can make namespaces.')
        self._daemon.start()
        try:
            self._connect()
        except BaseException:
            self._daemon.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        # The last process in it takes the cable along.
        self._daemon.stop()

    def entering(self) -> list[str]:
        """Return what to put before a command for it to run there."""
        return [self._nsenter, f'--net=/proc/{self._daemon.pid}/ns/net']

    def _connect(self) -> None:
        within = self.entering()
        # The name is taken if somebody has thrown the same number.
        for argv in (
            [
                *(self._ip, 'link', 'add', self._cable, 'type', 'veth'),
                *('peer', 'name', 'eth0', 'netns', str(self._daemon.pid)),
            ],
            self._give(self._cable, self.address),
            [self._ip, 'link', 'set', self._cable, 'up'],
            [*within, *self._give('eth0', self._theirs)],
            [*within, self._ip, 'link', 'set', 'eth0', 'up'],
            [*within, self._ip, 'link', 'set', 'lo', 'up'],
        ):
            done = subprocess.run(argv, capture_output=True, text=True)
            if done.returncode:
                raise daemons.DaemonError(f'{argv}: {done.stderr}')

    def _give(self, link: str, address: str) -> list[str]:
        return [self._ip, 'address', 'add', f'{address}/30', 'dev', link]

    def _is_apart(self) -> bool:
        ours, theirs = (
            os.readlink(f'/proc/{pid}/ns/net')
            for pid in ('self', self._daemon.pid)
        )
        return ours != theirs
