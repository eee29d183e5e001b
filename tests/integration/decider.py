"""Which servers are contended, decided from the lab's Prometheus."""

import dataclasses
import pathlib
import time

from steal_scheduler.conf import load, rules
from steal_scheduler.decision import detector
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.migrator import plugins
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.refusal import Refusal
from tests.integration.domains import Domain
from tests.integration.hypervisors import Hypervisor
from tests.integration.lab import Lab
from tests.unit import make

#: Seconds: short, to see many of them; yet one second is less than a tenth.
WINDOW = 12

_CONF = """
[prometheus]
url = {url}
window = {window}
"""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is known and found after one poll; servers by their uuid."""

    signals: dict[str, ServerSignal]
    findings: frozenset[str]
    refusals: dict[str, Refusal]
    #: Hosts that are not believed, and why.
    unreliable: dict[str, str]


class Decider:
    """All defaults, but for the window. Nova is the lab's own word."""

    def __init__(self, lab: Lab, directory: pathlib.Path) -> None:
        path = directory / 'steal-migrator.conf'
        path.write_text(_CONF.format(url=lab.prometheus.url, window=WINDOW))
        conf = load.load([f'--config-file={path}'], 'steal-migrator')
        self._lab = lab
        self._source = plugins.signal_source(conf)
        self._rules = rules.rules(conf)
        self._watches: detector.Watches = {}
        self._moves = 0
        self._migrations = ()

    def moved(self, domain: Domain, source: Hypervisor) -> None:
        """Have Nova tell that a server has just come from there."""
        migration = make.migration(
            domain.uuid,
            migration_id=len(self._migrations) + 1,
            source=source.name,
            target=self._lab.where[domain].name,
            created_at=time.time(),
        )
        self._migrations = (migration, *self._migrations)

    def poll(self) -> Verdict:
        """Read and judge once.

        :raises SignalError: nothing can be told yet
        """
        now = time.time()
        servers = [
            make.server(domain.uuid, host=host.name, vcpus=1, ram_mb=32)
            for domain, host in self._lab.where.items()
        ]
        fleet = make.fleet(
            *servers,
            hosts={host.name: 'az1' for host in self._lab.hosts},
            migrations=self._migrations,
        )
        measured = self._source.read(now)
        known = usable_signals(Snapshot(now, self._rules, fleet, measured))
        detection = detector.detect(known, self._watches)
        self._watches = detection.watches
        return Verdict(
            dict(known.signals.servers),
            frozenset(f.server_id for f in detection.findings),
            {r.server_id: r for r in detection.refusals if r.server_id},
            {n: d.detail for n, d in known.unreliable.items()},
        )
