"""Single threads: contention that the sum of a server's vCPUs hides.

One busy thread in a guest of four vCPUs keeps one of them busy. If that waits
half of its time, the steal of the server is 50 %, and its load per vCPU a
quarter: no load, and so no contention. And where the threads wait that carry
its packets and blocks, its vCPUs wait for nothing but them.
"""

from collections.abc import Iterator

from steal_scheduler.decision.rules import DetectionRules
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.threads import NO_THREADS

#: Cores that the threads which are no vCPUs must ask for, all together, before
#: their wait matters. Of an idle guest they ask for a hundredth of a core, and
#: a tenth is what some 2,000 requests a second ask for, of 20 to 50 us each.
#: NOTE: it is no more than that, for they need little: 500 requests a second
#: ask for as much if each waits ten times as long as it takes. A thread that
#: nobody is in the way of waits for 1 to 3 % of its time, as measured with 200
#: to 10,000 wake-ups a second: less than any sensible threshold of steal.
LEAST = 0.1
#: Percent of its time that a single thread has to wait at least, and cores
#: that the worst vCPU has to ask for: where all wait a little, one of them
#: waits more by chance.
STEAL, LOAD = 10.0, 0.7


def waits(signal: ServerSignal, rules: DetectionRules) -> bool:
    """Whether single threads of a server are contended.

    Its own quota is not looked at, as far as it is not the whole wait.
    """
    # Mostly nobody measures them.
    if signal.threads is NO_THREADS:
        return False
    return _worst_waits(signal, rules) > 0 or _others_wait(signal, rules)


def sentences(signal: ServerSignal, rules: DetectionRules) -> Iterator[str]:
    """What is contended, for a person.

    The worst vCPU is judged as a server of one vCPU is, and thresholds are no
    lower than ``STEAL`` and ``LOAD``. For example one that
    runs for 0.6 of a core and waits for 0.3 has a steal of 33 % and a load of
    0.9. What its own quota holds back may all be of this vCPU.
    """
    if signal.threads is NO_THREADS:
        return
    if share := _worst_waits(signal, rules):
        yield f'its worst vCPU waits {share:.0%} of its time'
    if _others_wait(signal, rules):
        yield (
            'its threads that are no vCPUs wait '
            f'{signal.threads.others.share:.0%} of their time'
        )


def _worst_waits(signal: ServerSignal, rules: DetectionRules) -> float:
    """Share of its time that the worst vCPU waits; 0 where it is too little.

    NOTE: of 100,000 servers each step counts.
    """
    worst = signal.threads.worst
    waited = worst.waited - (signal.throttled or 0.0)
    load = worst.used + waited
    if waited <= 0 or load < LOAD or load < rules.load_threshold:
        return 0.0
    enough = waited * 100 >= max(rules.steal_threshold, STEAL) * load
    return waited / load if enough else 0.0


def _others_wait(signal: ServerSignal, rules: DetectionRules) -> bool:
    others = signal.threads.others
    return (
        others.waited > 0
        and others.share * 100 >= max(rules.steal_threshold, STEAL)
        and others.asked >= LEAST
    )
