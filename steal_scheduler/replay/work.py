"""What hosts give to servers that ask for more than they have."""

import dataclasses
from collections.abc import Callable

import numpy as np

from steal_scheduler.replay.cloud import Cloud
from steal_scheduler.replay.recording import Floats

#: A vCPU waits too much in a second, and has work in it: shares of the
#: second. The defaults of the exporter's ``wait_limit``, ``load_limit``.
WAIT_LIMIT, LOAD_LIMIT = 0.1, 0.7


@dataclasses.dataclass(frozen=True, slots=True)
class Minute:
    """What came of a minute; cores, and means of it, a server each."""

    #: Parts of the minute, servers; one part where it is all the same.
    parts: Floats
    used: Floats
    waited: Floats
    #: Wanted, and never done.
    lost: Floats
    #: Share of the seconds in which a server worked, and waited too much;
    #: None where no second is like no other.
    bad_seconds: Floats | None = None

    @property
    def wanted(self) -> Floats:
        mean: Floats = self.parts.mean(axis=0)
        return mean

    @property
    def steal(self) -> Floats:
        """Share of the time that a server wanted to run that it waited."""
        asked = self.used + self.waited
        return self.waited / np.maximum(asked, 1e-12)


#: From the cloud, and what its servers want in each part of a minute.
Work = Callable[[Cloud, Floats], Minute]


def fluid(cloud: Cloud, parts: Floats) -> Minute:
    """A host gives what it has; what is over is lost, shared out by demand.

    For example servers that want 3 and 1 cores on a host of 3 get 2.25 and
    0.75, and wait for the rest, which is lost.
    """
    asked = cloud.on_hosts(parts)
    given = np.minimum(1.0, cloud.cores / np.maximum(asked, 1e-12))
    used = parts * given[:, cloud.places]
    waited = parts - used
    lost: Floats = waited.mean(axis=0)
    return Minute(
        parts, used.mean(axis=0), lost, lost, _bad(cloud, waited, parts)
    )


def _bad(cloud: Cloud, waited: Floats, asked: Floats) -> Floats | None:
    if len(asked) == 1:
        return None
    bad = (waited >= WAIT_LIMIT * cloud.vcpus) & (
        asked >= LOAD_LIMIT * cloud.vcpus
    )
    share: Floats = bad.mean(axis=0)
    return share


def fair(cloud: Cloud, could: Floats) -> Floats:
    """What each server gets in the mean, of what it could do.

    What queues runs on all its vCPUs, and they share the cores alike; who
    could do less than its share does all of it. For example of servers of 4
    vCPUs that could do 0.5, 3 and 4 cores, on a host of 4 cores, the first
    gets 0.5, and the others 1.75 each.

    :param could: cores, a server each, and no more than its vCPUs
    """
    content = np.zeros(len(could), dtype=bool)
    while True:
        left = cloud.cores - cloud.on_hosts(np.where(content, could, 0.0))
        sharing = cloud.on_hosts(np.where(content, 0.0, cloud.vcpus))
        share = left / np.maximum(sharing, 1e-12)
        more = ~content & (could <= cloud.vcpus * share[cloud.places])
        if not more.any():
            break
        content |= more
    gets: Floats = np.where(
        content, could, cloud.vcpus * share[cloud.places].clip(0.0)
    )
    return gets


class Queueing:
    """Requests come whatever the host can give, and wait in a queue.

    Each takes ``REQUEST`` of a vCPU. A server runs as many at once as it has
    vCPUs, which share the cores of the host fairly, and drops what finds more
    than ``BACKLOG`` of work for each vCPU. Servers of batch work always have
    what they want to run; what they do not get is lost, as in ``fluid``.

    Of each minute the last ``SAMPLE`` is played in steps of ``STEP``; before
    it queues grow and shrink as means tell.
    """

    REQUEST = 0.02
    BACKLOG = 2.0
    SAMPLE = 2.0
    STEP = 0.005

    def __init__(self, cloud: Cloud, seed: int) -> None:
        self._batch = np.array(
            [s.work == 'batch' for s in cloud.recording.servers]
        )
        #: Core-seconds of work that waits, a server each.
        self._queued: Floats = np.zeros(len(self._batch))
        self._draw = np.random.default_rng(seed)

    def __call__(self, cloud: Cloud, parts: Floats) -> Minute:
        wanted = parts.mean(axis=0)
        dropped = self._pass(cloud, wanted, 60.0 - self.SAMPLE)
        late = parts[-max(1, round(len(parts) * self.SAMPLE / 60.0)) :]
        used, waited, more = self._play(cloud, late.mean(axis=0))
        unserved = np.where(self._batch, wanted - used, 0.0).clip(0.0)
        lost = (dropped + more) / 60.0 + unserved
        return Minute(parts, used, waited, lost)

    def _pass(self, cloud: Cloud, wanted: Floats, seconds: float) -> Floats:
        """Let that time pass in the mean; core-seconds that are dropped."""
        could = np.minimum(wanted + self._queued / seconds, cloud.vcpus)
        done = fair(cloud, could)
        self._queued += (wanted - done) * seconds
        return self._drop(cloud)

    def _drop(self, cloud: Cloud) -> Floats:
        """Drop what finds a full queue; batch work has none."""
        most = np.where(self._batch, 0.0, self.BACKLOG * cloud.vcpus)
        over = np.maximum(self._queued - most, 0.0)
        self._queued = np.clip(self._queued, 0.0, most)
        return np.where(self._batch, 0.0, over)

    def _play(
        self, cloud: Cloud, wanted: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Play the sample: cores used and waited, core-seconds dropped."""
        steps = round(self.SAMPLE / self.STEP)
        used, waited = np.zeros_like(wanted), np.zeros_like(wanted)
        dropped = np.zeros_like(wanted)
        rate = np.where(self._batch, 0.0, wanted * self.STEP / self.REQUEST)
        coming = self._draw.poisson(rate, (steps, len(rate))) * self.REQUEST
        for arrivals in coming:
            self._queued += arrivals
            dropped += self._drop(cloud)
            running = np.minimum(
                np.ceil(self._queued / self.REQUEST - 1e-9), cloud.vcpus
            )
            running = np.where(self._batch, wanted, running)
            asked = cloud.on_hosts(running)
            share = np.minimum(1.0, cloud.cores / np.maximum(asked, 1e-12))
            could = running * share[cloud.places] * self.STEP
            waited += running * self.STEP - could
            done = np.where(
                self._batch, could, np.minimum(self._queued, could)
            )
            used += done
            self._queued = np.where(self._batch, 0.0, self._queued - done)
        return used / self.SAMPLE, waited / self.SAMPLE, dropped
