"""Where in its interval the demand of a server lies."""

import math
from collections.abc import Mapping, Sequence

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.demand import Demand, History

#: Shares of a host's cores in use: below the first nothing that is asked for
#: is lost, and what is used is what is asked for; from the second on the host
#: is full, and that says nothing. It is less than 1, for what is counted is
#: what servers use, and their host does some work for them as well.
IDLE, FULL = 0.8, 0.95
#: What a server of a full host is expected to ask for beyond what it uses, as
#: a share of that, where no history tells. Found by playing 400 hosts of 1 to
#: 32 cores with ``replay/work.py``: queueing, batch and mixed work, 0.8 to 2.0
#: times the cores. Of 0 to 0.7, with 0.3 most servers are within 35 % of the
#: truth (79 %), and of hosts that are asked for no more than 1.3 times their
#: cores 77 % are within 20 %. With 0 it is 54 % of the servers; with 0.5
#: hosts that are hardly full are by 31 % too high.
MARGIN = 0.3
#: What was used is taken for the same as what is used now from this share on:
#: a mean over a minute is that far from one over five.
SAME = 0.8
#: Means that a history must have to be believed: ten minutes.
LEAST = 2
#: Share of those means that are less than what it is expected to ask for. Also
#: in the last four hours it may have had less to do for longer than as much as
#: now: where 30 of 120 minutes tell of now, the median is by a fifth too low
#: for most hosts, and 0.7 for one in a hundred. More is too high where work
#: varies much.
MOSTLY = 0.7


def demand(
    signal: ServerSignal, history: History | None, busy: float
) -> Demand:
    """What a server asks for.

    For example one that uses 1 core and waits for 2. On a host of which half
    is idle it is expected to ask for 1. On a full one it is expected to ask
    for 1.3 cores; but if it used 2 cores whenever it did not wait, then for 2,
    and for 3 if it used 4. What its threads use that are no vCPUs comes on
    top: it takes cores of its host as well, and goes with it.

    :param busy: share of its host's cores that is in use
    """
    low, high, others = signal.used, signal.asked, signal.threads.others
    expected = low
    if high > low and busy > IDLE:
        calm = history.cores if history else ()
        expected = _expected(low, high, calm, busy)
    return Demand(
        low + others.used, expected + others.used, high + others.asked
    )


def _expected(
    low: float, high: float, calm: Sequence[float], busy: float
) -> float:
    """Cores that its vCPUs ask for, of what they use and ask for at most."""
    likely = low * (1 + MARGIN)
    if calm:
        # It can ask for no less than it uses. What it used when it did less,
        # as by night, says nothing of now; if it has never used as much,
        # nothing does.
        known = sorted([cores for cores in calm if cores >= SAME * low])
        if len(known) >= LEAST:
            likely = known[math.floor(MOSTLY * (len(known) - 1))]
    full = min((busy - IDLE) / (FULL - IDLE), 1.0)
    return low + full * (min(max(likely, low), high) - low)


def demand_now(signal: ServerSignal, snapshot: Snapshot) -> Demand:
    """What it asks for, on a host as busy as the view says."""
    host = snapshot.view.hosts.get(signal.host or '')
    history = snapshot.signals.history.get(signal.server_id)
    return demand(signal, history, host.busy if host else 1.0)


def asked_for(snapshot: Snapshot) -> Mapping[str, float]:
    """Cores that are expected to be asked for now, by server id."""
    return {
        server_id: demand_now(signal, snapshot).expected
        for server_id, signal in snapshot.signals.servers.items()
    }


def remember(snapshot: Snapshot) -> None:
    """Keep a sample of what servers ask for now, if it is time for one."""
    if snapshot.past.is_due(snapshot.now):
        snapshot.past.add(snapshot.now, asked_for(snapshot))
