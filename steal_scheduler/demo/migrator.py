"""The demo's migrator: how it is configured, and its journal read aloud."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping

from steal_scheduler.conf import load as conf_load
from steal_scheduler.demo import screen
from steal_scheduler.demo.cloud import Cloud
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.migrator import build
from steal_scheduler.migrator.service import Migrator
from steal_scheduler.model.move import Ended, Move
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.reporting.journal import Journal

CONF = """
[DEFAULT]
transport_url = fake:/
[migrator]
dry_run = False
poll_interval = 0.5
lock_url = file://{workdir}/lock
metrics_port = 0
[signals]
source = static
max_age = 10
[static]
path = {workdir}/signals.json
[limits]
slots = 3
cooldown = 120
"""


class Telling(Journal):
    """The migrator's journal, read aloud."""

    def __init__(self, journal: Journal, names: Mapping[str, str]) -> None:
        """:param names: of servers, by id"""
        self.__dict__.update(journal.__dict__)
        self.names = names
        self.all_ended: list[Ended] = []
        self.refusals: list[Refusal] = []

    def stage(self, move: Move) -> None:
        super().stage(move)
        screen.say(f'    {screen.progress(move, self.names)}')

    def ended(self, ended: Ended) -> None:
        super().ended(ended)
        self.all_ended.append(ended)
        screen.say(f'    {screen.end(ended, self.names)}')


class Running:
    """A migrator in a thread of its own, from `start` to `stop`."""

    def __init__(
        self, cloud: Cloud, more_conf: str, names: Mapping[str, str]
    ) -> None:
        """Configure it, and nothing more.

        :param more_conf: text that follows CONF
        :param names: of servers, by id; may grow
        """
        path = cloud.workdir / 'steal-migrator.conf'
        path.write_text(
            CONF.format(workdir=cloud.workdir)
            + more_conf
            + cloud.nova_auth_conf()
        )
        built = build.build(
            conf_load.load([f'--config-file={path}'], 'steal-migrator')
        )
        self.journal = Telling(built.journal, names)
        self._migrator = Migrator(
            dataclasses.replace(built, journal=self.journal)
        )
        self._thread = threading.Thread(
            target=self._migrator.run, name='migrator'
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it after the present tick."""
        self._migrator.stop()
        self._thread.join()

    def wait_cured(self, seconds: float) -> None:
        """Wait until no server is contended and nothing moves.

        :raises TimeoutError: that takes longer
        """
        wait_for(
            self._cured,
            seconds,
            'the cure: see the log of Nova',
        )

    def _cured(self) -> bool:
        decided = self._migrator.decided
        self.journal.refusals += [r for r in decided.refusals if r.server_id]
        return bool(
            self.journal.all_ended
            and not self._migrator.moves
            and decided.coverage
            and not decided.findings
        )
