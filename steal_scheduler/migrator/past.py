"""The past of this cloud, for ``steal-manage replay --since``.

Nova is asked how it is now, and the source of the signals how it was. What
Nova was then, nobody has kept: a server that is gone is not there, and each
begins where it is now.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from oslo_log import log

from steal_scheduler.decision.host_names import with_novas_names
from steal_scheduler.decision.usable_signals import with_guests
from steal_scheduler.exception import SignalError
from steal_scheduler.migrator import build
from steal_scheduler.model.cloud import NO_SIGNALS, Signals
from steal_scheduler.model.past import Past, Readings
from steal_scheduler.signals.base import SignalSource

LOG = log.getLogger(__name__)

#: Seconds without an answer after which there is no earlier one either: an
#: outage of a Prometheus is shorter, as a rule, and its retention is not.
GAP = 7200.0


def read(conf: Any, now: float, since: float, step: float) -> Past:
    """Read it back step by step, until ``since`` or the end of what is kept.

    :param since: seconds before now
    :raises StealError: the configuration is wrong, Nova does not answer, or
        the source tells nothing of the last step
    """
    built = build.build(conf)
    fleet = built.nova_cache.refresh(now)
    hosts = with_novas_names(built.source.read(now), fleet).hosts
    times = [now - n * step for n in range(max(1, round(since / step)))]
    readings = Readings()
    for signals in _back(built.source, times, step):
        named = with_novas_names(signals, fleet)
        readings.append(with_guests(named, fleet))
    readings.turn()
    if len(readings) < len(times):
        LOG.warning(
            'The signals go back for %.1f hours, and not for %.1f.',
            len(readings) * step / 3600,
            since / 3600,
        )
    return Past(
        fleet,
        built.nova_cache.room(()),
        {name: host.cores for name, host in hosts.items() if host.cores > 0},
        step,
        readings,
    )


def _back(
    source: SignalSource, times: Sequence[float], seconds: float
) -> Iterator[Signals]:
    """The signals of each time, the newest first; where it is silent, none.

    :raises SignalError: at the first one
    """
    heard = times[0]
    for at in times:
        try:
            yield source.read_past(at, seconds)
        except SignalError as error:
            if at == times[0]:
                raise
            if heard - at > GAP:
                LOG.info('Nothing is told of what was before: %s', error)
                return
            yield NO_SIGNALS
        else:
            heard = at
