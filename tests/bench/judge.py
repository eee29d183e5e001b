"""What must hold from one scrape to the next, however busy the machine is.

Speed is not judged, and what the machine itself delayed is excused.
"""

import math
import os
import re
from collections import defaultdict, deque
from collections.abc import Iterator

from tests.bench import watched
from tests.bench.churn import Churn, Life, unbroken
from tests.bench.watched import Page, Vitals

#: Seconds by which the looks at two clocks may differ.
NEAR = 0.3
#: Seconds that a counter may be ahead of the time: a wait is added when it
#: ends, and may have begun before the first sample.
AHEAD = 1.0
#: Seconds that may be missing of what the kernel tells: what was before the
#: first sample and after the last one.
BEHIND = 3.0
#: Of so many looks the best one counts: a long wait that has just ended is in
#: the next sample.
LOOKS = 3
#: Seconds without a sample.
AGE = 2.0
#: Reads that fail for these reasons are nobody's fault but the exporter's.
FAULTS = ('denied', 'file_limit', 'other')
#: What only grows.
GROWS = re.compile(r'steal_.*_(total|bucket|count|sum)$')


class Judge:
    def __init__(self, churn: Churn, first: Page) -> None:
        """Compare everything that comes with the first scrape."""
        self._churn = churn
        self._first = self._last = first
        self._stale: set[tuple[int, str]] = set()
        #: By server and counter: what the page lacks, at the last looks.
        self._lacks: dict[tuple[str, str], deque[float]] = defaultdict(
            lambda: deque(maxlen=LOOKS)
        )
        #: Seconds by which others were late, or the exporter kept waiting.
        self.starved = 0.0
        #: Others were late since the last scrape.
        self._late = False
        #: Seconds of these that no missed sample was laid to yet.
        self._excused = 0.0
        self.checks = 0
        self.broken: list[str] = []

    def look(self, page: Page, vitals: Vitals, starved: float) -> None:
        """Judge one scrape.

        :param starved: seconds of it since the last one
        """
        self.starved += starved
        self._late = starved > 0
        before, self._last = self._last, page
        if page.asked - page.at > AGE + starved:
            self._say(page, f'the last sample is {page.asked - page.at:.1f} s')
        for complaints in (
            self._samples(page),
            self._missed(before, page, starved),
            self._host(before, page),
        ):
            self._hear(page, complaints)
        for uuid, lives in self._churn.lives.items():
            self._hear(page, self._server(uuid, lives, before, page))
        back = page.servers() & self._churn.gone
        if back:
            self._say(page, f'ended long ago and shown: {sorted(back)}')
        if page.at > before.at:
            self._hear(page, self._leaks(vitals))
        self._churn.forget(page.at - NEAR)

    def _hear(self, page: Page, complaints: Iterator[str]) -> None:
        for complaint in complaints:
            self._say(page, complaint)

    def _say(self, page: Page, complaint: str) -> None:
        when = page.asked - self._first.asked
        self.broken.append(f'{when:.0f} s: {complaint}')

    def _must(self, holds: bool) -> bool:
        """Count a check; tell whether it failed."""
        self.checks += 1
        return not holds

    def _samples(self, page: Page) -> Iterator[str]:
        """No second is lost: it was sampled, or missed and counted."""
        taken, missed, shown = (
            page.host(name) - self._first.host(name)
            for name in (
                'steal_exporter_samples_total',
                'steal_exporter_missed_samples_total',
                'steal_exporter_host_runnable_per_core_count',
            )
        )
        passed = page.at - self._first.at
        if self._must(abs(taken + missed - passed) <= 1):
            yield (
                f'{taken:.0f} samples and {missed:.0f} missed in '
                f'{passed:.2f} s'
            )
        if self._must(abs(shown - passed) <= 1):
            yield f'{shown:.0f} seconds in the histogram of {passed:.2f}'

    def _missed(
        self, before: Page, page: Page, starved: float
    ) -> Iterator[str]:
        """None is missed but for want of CPU; small delays add up to one."""
        name = 'steal_exporter_missed_samples_total'
        missed = page.host(name) - before.host(name)
        self._excused = min(self._excused, 1.0) + starved
        if self._must(missed <= self._excused + 0.5):
            yield f'{missed:.0f} missed, with {starved:.2f} s starved'
        self._excused = max(0.0, self._excused - missed)

    def _host(self, before: Page, page: Page) -> Iterator[str]:
        yield from self._fell(before, page, '')
        ran = 'steal_exporter_host_run_seconds_total'
        most = (os.cpu_count() or 1) * (page.at - before.at + AHEAD)
        if self._must(page.host(ran) - before.host(ran) <= most):
            yield 'the servers ran for longer than the cores can'
        for reason in FAULTS:
            found = page.host('steal_exporter_read_failures_total', reason)
            if self._must(found == 0):
                yield f'{found:.0f} reads failed: {reason}'
        for counter in ('run', 'wait', 'throttled'):
            found = page.host(
                'steal_exporter_rejected_readings_total', counter
            )
            if self._must(found <= self.starved):
                yield f'{found:.0f} rejected readings: {counter}'

    def _server(
        self, uuid: str, lives: list[Life], before: Page, page: Page
    ) -> Iterator[str]:
        shown = uuid in page.servers()
        there = [n for n in lives if n.touches(page.at - NEAR, math.inf)]
        must = [n for n in there if n.covers(page.at - NEAR, page.at + NEAR)]
        if self._must(there or not shown):
            yield f'{uuid} has ended and is shown: {_since(lives, page)}'
        if self._must(shown or not must):
            yield f'{uuid} runs and is not shown: {_since(lives, page)}'
        if not shown:
            return
        yield from self._possible(uuid, lives, page)
        # A sample that takes long may still list the one process, and find it
        # gone, and not list the next one yet.
        processes = sum(n.touches(before.at - NEAR, math.inf) for n in lives)
        if (
            uuid in before.servers()
            and unbroken(lives, before.at - NEAR, page.at + NEAR)
            and not (self._late and processes > 1)
        ):
            yield from self._fell(before, page, uuid)
        if len(must) == len(there) == 1:
            yield from self._alone(must[0], before, page)

    def _possible(
        self, uuid: str, lives: list[Life], page: Page
    ) -> Iterator[str]:
        def told(name: str) -> float:
            return page.server(name, uuid)

        seconds = told('seconds_total')
        used = told('run_seconds_total') + told('wait_seconds_total')
        # One vCPU of a busy server is busy; the others wait once, at most.
        most = sum(n.busy for n in lives) * (seconds + AHEAD)
        most += AHEAD * (1 + told('vcpus'))
        if self._must(0 <= used <= most):
            yield f'{uuid} used {used:.2f} s in {seconds:.2f}'
        if self._must(0 <= told('bad_seconds_total') <= seconds + 1e-6):
            yield f'{uuid} has more bad seconds than seconds'
        if self._must(
            told('throttled_periods_total') <= told('periods_total')
        ):
            yield f'{uuid} was throttled in more periods than there were'
        count = told('wait_ratio_count')
        if self._must(abs(count - seconds) <= 1 + NEAR):
            yield f'{uuid} has {count:.0f} of {seconds:.2f} s in its histogram'

    def _alone(self, life: Life, before: Page, page: Page) -> Iterator[str]:
        """A server of one process."""
        uuid = life.uuid
        if life.settled < page.at - NEAR:
            found = page.server('vcpus', uuid)
            if self._must(found == life.vcpus):
                yield f'{uuid} has {life.vcpus} vCPUs, shown are {found:.0f}'
        if uuid in before.servers() and life.covers(
            before.at - NEAR, page.at + NEAR
        ):
            passed = page.at - before.at
            told = page.server('seconds_total', uuid) - before.server(
                'seconds_total', uuid
            )
            if self._must(abs(told - passed) <= NEAR):
                yield f'{uuid} was watched {told:.2f} of {passed:.2f} s'
        if life.steady and life.told is None:
            yield from self._kernel(life, page)

    def _kernel(self, life: Life, page: Page) -> Iterator[str]:
        """Nothing is lost of what the kernel counted, and nothing added."""
        now = watched.vcpus(life.process.pid)
        for index, name in enumerate(('run', 'wait')):
            lacks = self._lacks[life.uuid, name]
            told = page.server(f'{name}_seconds_total', life.uuid)
            lacks.append(now[index] - told)
            if self._must(lacks[-1] >= -1e-3):
                yield f'{life.uuid}: {-lacks[-1]:.3f} s too much {name}'
            if self._must(min(lacks) <= BEHIND + self.starved):
                yield f'{life.uuid}: {min(lacks):.3f} s of {name} are lost'

    def _fell(self, before: Page, page: Page, uuid: str) -> Iterator[str]:
        for key, value in before.values.items():
            if key[2] == uuid and GROWS.match(key[0]):
                now = page.values.get(key, -math.inf)
                if self._must(value <= now):
                    yield f'{key}: {value} became {now}'

    def _leaks(self, vitals: Vitals) -> Iterator[str]:
        """What is open of somebody who was gone at the last scrape, too."""
        stale = {
            (number, target)
            for number, target in vitals.files.items()
            if target.startswith(('/proc/', '/sys/'))
            and not os.path.exists(_owner(target))
        }
        leaked = stale & self._stale
        self._stale = stale
        if self._must(not leaked):
            yield f'still open: {sorted(leaked)[:5]}, in all {len(leaked)}'


def _owner(path: str) -> str:
    found = re.match(r'/proc/\d+(/task/\d+)?', path)
    return found[0] if found else path


def _since(lives: list[Life], page: Page) -> str:
    """Tell when its processes began and ended, in seconds from the sample."""
    return '; '.join(
        ' '.join(
            f'{name} {when - page.at:+.2f}'
            for name, when in (
                ('spawned', life.spawned),
                ('ready', life.ready),
                ('told', life.told),
                ('ended', life.ended),
            )
            if when is not None
        )
        for life in lives
    )
