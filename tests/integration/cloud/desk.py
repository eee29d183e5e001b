"""steal-api on the real control plane, as ``install/api.rst`` sets it up."""

import configparser
import contextlib
import pathlib
import shlex
import sys

import requests

from tests.integration import daemons
from tests.integration.cloud import config
from tests.integration.cloud.plane import ControlPlane
from tests.integration.cloud.terminal import INSTALL, PASSWORD, Terminal

_UNIT = config.ROOT / 'etc/systemd/steal-api.service'
_SAMPLE = config.SAMPLES / 'steal-api.conf.example'
#: What the page and the unit have for what is made here: the programs, the
#: configuration, and what users reach through a proxy with TLS.
_PROGRAMS = '/opt/steal-scheduler/bin'
_CONF = '/etc/steal-api/steal-api.conf'
_PUBLIC = 'https://controller:9190'


class Desk(daemons.Parts):
    """One steal-api; its user and its endpoints are in Keystone."""

    def __init__(self, plane: ControlPlane) -> None:
        """Describe it; start nothing."""
        self._plane = plane
        self._port = daemons.free_port()
        self.url = f'http://127.0.0.1:{self._port}'
        self._conf = plane.workdir / 'steal-api.conf'
        #: Where the cloud's admin types.
        self.terminal = Terminal(plane)
        self.daemon = daemons.Daemon(
            'steal-api',
            self._command(),
            plane.workdir,
            self._answers,
            {'PYTHONPATH': str(config.ROOT)},
            contained=True,
        )

    def begin(self, stack: contextlib.ExitStack) -> None:
        self.terminal.follow(INSTALL / 'api.rst', {_PUBLIC: self.url})
        self._conf.write_text(self._written())
        stack.callback(self.daemon.stop)
        self.daemon.start()

    def _command(self) -> list[str]:
        """What systemd runs, where it is here."""
        unit = configparser.RawConfigParser(strict=False)
        unit.read(_UNIT)
        line = unit['Service']['ExecStart']
        for there, here in (
            (_PROGRAMS, str(pathlib.Path(sys.executable).parent)),
            (_CONF, str(self._conf)),
        ):
            if there not in line:
                raise daemons.DaemonError(f'{_UNIT} has no {there}: {line}')
            line = line.replace(there, here)
        return shlex.split(line)

    def _written(self) -> str:
        """The sample, with this cloud's addresses in it."""
        sample = configparser.RawConfigParser()
        sample.read(_SAMPLE)
        login = sample['keystone_authtoken']
        keystone = f'{self._plane.at.url("keystone")}/v3'
        text = _SAMPLE.read_text()
        for there, here in {
            sample['DEFAULT']['transport_url']: self._plane.at.broker,
            login['www_authenticate_uri']: keystone,
            login['auth_url']: keystone,
            f'\npassword = {login["password"]}': f'\npassword = {PASSWORD}',
            sample['api']['listen_port']: str(self._port),
        }.items():
            text = text.replace(there, here)
        return text

    def _answers(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f'{self.url}/healthcheck', timeout=20).ok
        return False
