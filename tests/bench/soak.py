"""steal-exporter for half an hour, over servers that come and go.

    python tests/bench/run.py soak [MINUTES]

The servers are real processes that look like QEMU to it: they start, stop,
crash, migrate away and come back, plug and unplug vCPUs, and some burn CPU.
It prints what the exporter needs meanwhile, and ends non-zero if something is
untrue (see judge.py), stays open, or if its memory grows. Its speed is not
judged. It may run beside other things: who burns CPU is nice, and keeps to
one core.
"""

import contextlib
import dataclasses
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence

from tests.bench.churn import Churn
from tests.bench.judge import Judge
from tests.bench.watched import PATIENCE, Page, Vitals, Watched
from tests.bench.witness import LATE, Witness

MINUTES = '30'
#: Seconds between two acts, two scrapes and two lines of the table.
ACT, SCRAPE, LINE = 0.7, 5.0, 60.0
#: Part of the time that is not looked at for growth.
WARM = 1 / 6
#: Seconds in which growth can be told from the ups and downs.
ENOUGH = 600
#: kB by which the heap may grow from the first to the last quarter of it.
GROWTH = 512


@dataclasses.dataclass(frozen=True)
class Row:
    """One look."""

    #: Seconds since the beginning, and those of them that were starved.
    passed: float
    starved: float
    #: Seconds that the scrape took.
    took: float
    vitals: Vitals
    servers: int
    vcpus: int
    samples: int
    late: int
    missed: int


class Soak:
    def __init__(self, exporter: Watched, churn: Churn, seen: Witness) -> None:
        """Start no server yet."""
        self._exporter = exporter
        self._churn = churn
        self._witness = seen
        self._pause = threading.Event()
        self.first = self._settled()
        self.base = exporter.vitals()
        self._late = seen.late
        self._last = self.base
        self.judge = Judge(churn, self.first)
        self.rows: list[Row] = []

    def _settled(self) -> Page:
        """Wait for the first sample."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with contextlib.suppress(KeyError):
                return self._exporter.scrape()
            self._pause.wait(0.1)
        raise RuntimeError('it takes no sample')

    def run(self, seconds: float) -> None:
        begun = time.monotonic()
        scrape = line = begun + SCRAPE
        while (now := time.monotonic()) < begun + seconds:
            self._churn.act()
            if now >= scrape:
                self.look()
                scrape += SCRAPE
            if now >= line:
                print(told(self.rows, self.base), flush=True)
                line += LINE
            self._pause.wait(ACT)

    def look(self) -> Page:
        page, vitals = self._exporter.scrape(), self._exporter.vitals()
        lag = self._witness.late - self._late
        delay = vitals.delay - self._last.delay
        self._late, self._last = self._witness.late, vitals
        # A little is normal: it wakes up several times between two looks.
        starved = max(lag, delay if delay > LATE else 0.0)
        self.judge.look(page, vitals, starved)
        samples, late, missed = (
            int(page.host(f'steal_exporter_{name}_total'))
            for name in ('samples', 'late_samples', 'missed_samples')
        )
        self.rows.append(
            Row(
                passed=page.asked - self.first.asked,
                starved=self.judge.starved,
                took=page.took,
                vitals=vitals,
                servers=len(page.servers()),
                vcpus=vcpus(page),
                samples=samples,
                late=late,
                missed=missed,
            )
        )
        return page

    def end(self) -> None:
        """End all servers; judge what the exporter keeps of them."""
        ours = {life.uuid for life in self._churn.running()}
        self._churn.close()
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            page = self.look()
            left = [
                f'{what}: {now}, and {before} at the beginning'
                for what, now, before in (
                    ('servers', len(page.servers() & ours), 0),
                    ('threads', self._last.threads, self.base.threads),
                    ('files', len(self._last.files), len(self.base.files)),
                )
                if now > before + others(page) * (what == 'files')
            ]
            if not left:
                return
            self._pause.wait(1)
        self.judge.broken.extend(left)


def others(page: Page) -> int:
    """How many files may be open for servers that are not ours.

    A directory for each, two files for each vCPU, and as many cgroups.
    """
    return 2 * len(page.servers()) + 3 * vcpus(page)


def vcpus(page: Page) -> int:
    return round(sum(page.server('vcpus', u) for u in page.servers()))


HEAD = (
    f'{"min":>5} {"RSS kB":>7} {"heap kB":>7} {"files":>5} {"threads":>7} '
    f'{"servers":>7} {"vCPUs":>5} {"CPU":>6} {"scrape":>7} {"samples":>7} '
    f'{"late":>4} {"missed":>6} {"starved":>8} {"load":>5}'
)


def told(rows: Sequence[Row], base: Vitals) -> str:
    """One line, of the last row and the minute before it."""
    row, vitals = rows[-1], rows[-1].vitals
    minute = [r for r in rows if r.passed > row.passed - LINE - SCRAPE]
    cpu = vitals.cpu - (minute[0].vitals if len(minute) > 1 else base).cpu
    passed = row.passed - (minute[0].passed if len(minute) > 1 else 0)
    took = max(r.took for r in minute)
    return (
        f'{row.passed / 60:>5.1f} {vitals.rss:>7} {vitals.heap:>7} '
        f'{len(vitals.files):>5} {vitals.threads:>7} {row.servers:>7} '
        f'{row.vcpus:>5} {cpu / passed:>6.2%} {took * 1e3:>4.0f} ms '
        f'{row.samples:>7} {row.late:>4} {row.missed:>6} '
        f'{row.starved:>6.1f} s {os.getloadavg()[0]:>5.2f}'
    )


def growth(rows: Sequence[Row], ended: int) -> Iterator[str]:
    """Print how memory went after the warm-up; complain if it grew."""
    warm = [r for r in rows if r.passed >= WARM * rows[-1].passed]
    if rows[-1].passed < ENOUGH:
        print('Too short to tell whether memory grows.')
        return
    hours = [r.passed / 3600 for r in warm]
    for name in ('rss', 'heap'):
        values = [getattr(r.vitals, name) for r in warm]
        quarter = len(values) // 4
        begin = statistics.median(values[:quarter])
        end = statistics.median(values[-quarter:])
        slope = statistics.linear_regression(hours, values).slope
        print(
            f'{name}: {begin:.0f} kB in the first quarter after the warm-up, '
            f'{end:.0f} kB in the last one; {slope:+.0f} kB/hour; '
            f'from {min(values)} to {max(values)} kB'
        )
        if name == 'heap' and end - begin > GROWTH:
            yield f'memory grew by {end - begin:.0f} kB, {ended} servers ended'


def main(minutes: str = MINUTES) -> int:
    print(f'{float(minutes):g} minutes')
    with Watched() as exporter, Witness() as seen:
        churn = Churn()
        soak = Soak(exporter, churn, seen)
        with churn:
            if not any(life.quota for life in churn.running()):
                print('No cgroup can be made here: there are no quotas.')
            print(HEAD, flush=True)
            soak.run(60 * float(minutes))
            soak.end()
        broken = soak.judge.broken
        print(told(soak.rows, soak.base))
        print(', '.join(f'{n} {act}' for act, n in sorted(churn.acts.items())))
        broken.extend(growth(soak.rows, len(churn.gone)))
        if status := exporter.end():
            broken.append(f'it ended with status {status}')
        if broken:
            print('The end of its log:', exporter.log.read_text()[-1000:])
    for complaint in broken[:20]:
        print('BROKEN', complaint)
    print(f'{soak.judge.checks} checks, {len(broken)} broken')
    return int(bool(broken))


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
