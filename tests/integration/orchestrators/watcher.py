"""A watcher: it sees what the users of the site see, all the time."""

import dataclasses
import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from tests.integration import daemons, judges
from tests.integration.kubectl import ADMIN
from tests.integration.site import site
from tests.shared import PATIENCE

_ROOT = pathlib.Path(__file__).parents[3]


@dataclasses.dataclass(frozen=True)
class Sample:
    """One look. Nodes and servers by their names."""

    #: Deployment -> how many of its pods are ready and not about to end.
    ready: Mapping[str, int]
    #: PodDisruptionBudget -> how many are healthy, and how many must be.
    budgets: Mapping[str, tuple[int, int]]
    cordoned: frozenset[str]
    #: Nodes with pods of a Deployment, also with such that are about to end.
    inhabited: frozenset[str]
    #: Consul's nodes that are in maintenance.
    maintained: frozenset[str]
    #: Service -> nodes where it is healthy.
    healthy: Mapping[str, frozenset[str]]
    #: Service -> nodes that DNS names for it.
    named: Mapping[str, frozenset[str]]
    #: Servers that Nova had on their way before the rest was looked at, and
    #: still had after it.
    moving: frozenset[str]

    @property
    def out(self) -> frozenset[str]:
        return self.cordoned | self.maintained


class Watcher:
    """Looks from entering to leaving; then there are samples."""

    def __init__(self, directory: pathlib.Path, *services: str) -> None:
        """:param services: those of Consul"""
        consul, cluster = site.datacenter, site.cluster
        self._where = {
            'kubernetes': cluster.url,
            'cafile': str(cluster.cafile),
            'token': cluster.token_of(ADMIN),
            'consul': consul.server,
            'consul_token': consul.management,
            'dns': consul.dns,
            'nova': site.scene.cloud.url,
            'services': services,
        }
        self._file = directory / 'seen'
        self.samples: Sequence[Sample] = ()

    def __enter__(self) -> Self:
        with self._file.open('w') as seen:
            self._process = subprocess.Popen(
                [sys.executable, '-m', judges.__name__],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=seen,
                text=True,
            )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(self._where) + '\n')
        self._process.stdin.flush()
        try:
            self.wait_looks()
        except BaseException:
            self._process.kill()
            self._process.communicate()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop looking.

        :raises DaemonError: it has not seen all of it, which is as bad as
            having seen something bad
        """
        try:
            self._process.communicate(timeout=PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
        looks = self._looks()
        for look in looks:
            if 'error' in look:
                raise daemons.DaemonError(look['error'])
        self.samples = _samples(looks)

    def wait_looks(self) -> None:
        """Wait until it has seen all of it once more, and whom Nova moves."""
        begun = time.monotonic()

        def has_looked() -> bool:
            looks = self._looks()
            seen = [
                look['ended']
                for look in looks
                if 'ready' in look and look['begun'] > begun
            ]
            return any(
                look['begun'] > min(seen)
                for look in looks
                if seen and 'moving' in look
            )

        def is_over() -> bool:
            over = self._process.poll() is not None
            return over or any('error' in look for look in self._looks())

        daemons.until('the watcher sees', has_looked, hopeless=is_over)

    def _looks(self) -> Sequence[Mapping[str, Any]]:
        # Of the last one there may be a part.
        text = self._file.read_text()
        whole = text[: text.rfind('\n') + 1]
        return [json.loads(line) for line in whole.splitlines()]


def _samples(looks: Sequence[Mapping[str, Any]]) -> list[Sample]:
    moves = [look for look in looks if 'moving' in look]
    samples = []
    for look in looks:
        if 'ready' not in look:
            continue
        before = [m for m in moves if m['ended'] <= look['begun']]
        after = [m for m in moves if m['begun'] >= look['ended']]
        moving = frozenset[str]()
        if before and after:
            moving = frozenset(before[-1]['moving']) & {*after[0]['moving']}
        samples.append(_sample(look, moving))
    return samples


def _sample(look: Mapping[str, Any], moving: frozenset[str]) -> Sample:
    return Sample(
        ready=look['ready'],
        budgets={n: (b[0], b[1]) for n, b in look['budgets'].items()},
        cordoned=frozenset(look['cordoned']),
        inhabited=frozenset(look['inhabited']),
        maintained=frozenset(look['maintained']),
        healthy={n: frozenset(f) for n, f in look['healthy'].items()},
        named={n: frozenset(f) for n, f in look['named'].items()},
        moving=moving,
    )
