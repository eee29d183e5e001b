"""Recall what was before this process led, as the source of signals tells."""

import dataclasses
import time

from oslo_log import log

from steal_scheduler.decision.demand import asked_for
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.migrator.poller import Poller
from steal_scheduler.model.host_view import View
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.model.until import shown

LOG = log.getLogger(__name__)

#: Share of the time between two polls in which one sample after the other is
#: recalled; one is each time.
SHARE = 0.1


def recall(snapshot: Snapshot, poller: Poller) -> None:
    """Put before the first sample of the past those that are missing.

    For example a Prometheus of 80 hosts answers in 0.2 s how it was five
    minutes ago: of a poll interval of 60 s, 6 s are enough for four hours. One
    of 8,000 hosts that takes 6 s or more is asked once a poll, for 48 polls.
    """
    until = time.monotonic() + SHARE * poller.interval
    past = snapshot.past
    while (then := past.lacks(snapshot.now)) is not None:
        found = before(snapshot, poller, then)
        if isinstance(found, Refusal):
            if past.untold():
                LOG.info(
                    'What servers asked for until %s is not known: %s',
                    shown(then),
                    found.detail,
                )
            return
        past.add_before(then, asked_for(found))
        if time.monotonic() >= until:
            return


def before(
    snapshot: Snapshot, poller: Poller, then: float, view: View | None = None
) -> Snapshot | Refusal:
    """The signals of then, and the view that was made of them.

    Of what else is remembered, mostly nothing counts. Of a server that has
    moved since it tells nothing: that was on another host.

    :param then: epoch seconds
    :param view: the one before it
    """
    told = poller.before(then)
    if isinstance(told, Refusal):
        return told
    found = dataclasses.replace(snapshot, now=then, signals=told)
    found = usable_signals(found)
    return dataclasses.replace(found, view=build_view(found, view))
