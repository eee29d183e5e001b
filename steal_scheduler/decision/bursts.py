"""Bursts: hosts that are calm in the mean, and bad in their seconds.

A server is found by its bad seconds, and its steal in the mean says nothing of
them. So a host as well is judged by those of its servers: where they are as
many as on the host that is to be relieved, a move helps nobody. In a cloud
with the same bursts everywhere servers of every host are found, and no host is
a cure.
"""

import math
from collections.abc import Collection

from steal_scheduler.decision.detector import own_quota
from steal_scheduler.decision.rules import DetectionRules
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.host_view import HostView, Lately, View

#: Share of a new reading in what is known of a host. A minute tells little:
#: where a sixth of all seconds are bad, it is 5 to 14 of 60, and among 80
#: hosts some always look half as bad as others. At a tenth that is so in one
#: minute of 300, and a host that has become calm is a target after 10 minutes.
NEW = 0.1
#: What a target may have of the bad seconds of the source. A move must be
#: worth its copy, and half of them is more than noise.
LESS = 0.5


def bad_seconds(
    servers: Collection[ServerSignal], before: HostView | None
) -> Lately | None:
    """The share of the seconds of a host's servers that are bad.

    Each server counts by what it asks for: those that want nothing would have
    no bad second on any host. What its own quota makes bad is not its host's.
    For example servers that ask for 3 and 1 cores have 20 and 40 % of bad
    seconds: 25 %. If it was 15 % before, it is 16 %; and 20 % if that
    was the first reading of all.

    :param before: the host in the view before, if there was one
    :returns: None where nobody counts them
    """
    told = [
        (signal.asked, signal.bad_seconds)
        for signal in servers
        if signal.bad_seconds is not None
        and not (signal.throttled and own_quota(signal))
    ]
    asked = sum([cores for cores, _ in told])
    if asked <= 0:
        return None
    now = sum(cores * bad for cores, bad in told) / asked
    if before is None or before.bad_seconds is None:
        return Lately(now, 1)
    last = before.bad_seconds
    readings = last.readings + 1
    weight = max(NEW, 1 / readings)
    return Lately(last.share + weight * (now - last.share), readings)


class Bursts:
    """Which hosts are a cure for the servers of which."""

    def __init__(self, view: View, rules: DetectionRules) -> None:
        self._bad = {
            name: host.bad_seconds.share
            for name, host in view.hosts.items()
            if host.bad_seconds is not None
        }
        self._emptied = view.emptied
        self._line = rules.bad_seconds_threshold / 100
        #: Up to here no server of an average host is found.
        self._few = LESS * rules.bad_seconds_threshold / 100

    def cures(self, source: str, target: str) -> bool:
        """Whether the target has clearly fewer bad seconds, or hardly any.

        For example a has 30 %, b 16 %, c 14 % and d 4 %: c and d cure a, and
        only d cures c. One of which nobody counts them may cure any.
        """
        bad = self._bad.get(target)
        return bad is None or bad < self.limit(source)

    def limit(self, source: str) -> float:
        """What a target must be below, in whole percent.

        So there are few of them, and what is found for one source holds for
        many. Where nobody counts, it is more than all seconds.

        Whoever leaves an emptied host has to leave: its target need not be
        better than that, but must not be one whose servers are found.
        """
        bad = self._bad.get(source)
        if bad is None:
            return self._line if source in self._emptied else math.inf
        line = self._line if source in self._emptied else self._few
        return max(math.floor(LESS * bad * 100) / 100, line)
