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
poll_interval = 1
step_interval = 0.2
lock_url = file://{workdir}/lock
metrics_port = 0
[signals]
source = static
max_age = 10
[static]
path = {workdir}/signals.json
[limits]
slots = 3
[stages]
settle_time = 1.5
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


def cure(
    cloud: Cloud, more_conf: str, names: Mapping[str, str], seconds: float
) -> Telling:
    """Run it until nothing suffers and nothing moves.

    :param more_conf: text that follows CONF
    :param names: of servers, by id
    :raises TimeoutError: that takes longer
    """
    path = cloud.workdir / 'steal-migrator.conf'
    path.write_text(
        CONF.format(workdir=cloud.workdir) + more_conf + cloud.nova_auth_conf()
    )
    built = build.build(
        conf_load.load([f'--config-file={path}'], 'steal-migrator')
    )
    journal = Telling(built.journal, names)
    migrator = Migrator(dataclasses.replace(built, journal=journal))
    thread = threading.Thread(target=migrator.run, name='migrator')
    thread.start()
    try:
        wait_for(
            lambda: _calm(migrator, journal),
            seconds,
            'the cure: see the log of Nova',
        )
    finally:
        migrator.stop()
        thread.join()
    return journal


def _calm(migrator: Migrator, journal: Telling) -> bool:
    decided = migrator.decided
    journal.refusals += [r for r in decided.refusals if r.server_id]
    return bool(
        journal.all_ended
        and not migrator.moves
        and decided.coverage
        and not decided.findings
    )
