"""The configuration as the values that the deciding packages take."""

from collections.abc import Sequence
from typing import Any

from steal_scheduler.conf import limits as limits_conf
from steal_scheduler.decision.rules import (
    DetectionRules,
    HostRules,
    LimitRules,
    Rules,
)
from steal_scheduler.exception import ConfigError
from steal_scheduler.model.assignment import Rule


def rules(conf: Any, assignment: Sequence[Rule] = ()) -> Rules:
    """What decides.

    :param assignment: whom each orchestrator is for
    :raises ConfigError: options contradict each other
    """
    detection, hosts, limits = conf.detection, conf.hosts, conf.limits
    if detection.polls_contended > detection.polls_window:
        raise ConfigError(
            f'[detection] polls_contended = {detection.polls_contended} is '
            f'more than polls_window = {detection.polls_window}: lower the '
            'first or raise the second.'
        )
    return Rules(
        detection=DetectionRules(
            steal_threshold=detection.steal_threshold,
            load_threshold=detection.load_threshold,
            bad_seconds_threshold=detection.bad_seconds_threshold,
            polls_contended=detection.polls_contended,
            polls_window=detection.polls_window,
        ),
        hosts=HostRules(
            host_steal_threshold=hosts.host_steal_threshold,
            target_demand=hosts.target_demand,
            shared_storage=hosts.shared_storage,
        ),
        limits=LimitRules(
            slots=limits.slots,
            slots_per_source=limits.slots_per_source,
            slots_per_target=limits.slots_per_target,
            max_unavailable=limits_conf.max_unavailable(
                limits.max_unavailable
            ),
            copy_rate=limits.copy_rate,
            cooldown=limits.cooldown,
            breaker_failures=limits.breaker_failures,
            breaker_pause=limits.breaker_pause,
            coverage_floor=limits.coverage_floor,
            blackout=limits_conf.windows(limits.blackout),
        ),
        disabled_checks=frozenset(conf.host_checks.disabled_checks),
        max_age=conf.signals.max_age,
        reattach_alarm=conf.stages.reattach_alarm,
        assignment=tuple(assignment),
    )
