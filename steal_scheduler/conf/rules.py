"""The configuration as the values that the pure parts take."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from steal_scheduler.conf import limits as limits_conf
from steal_scheduler.decision.decide import Rules
from steal_scheduler.decision.detector import DetectRules
from steal_scheduler.decision.disruption_budget import OutRules
from steal_scheduler.decision.host_checks import TrustRules
from steal_scheduler.decision.limits import LimitRules
from steal_scheduler.decision.planner import PlanRules
from steal_scheduler.decision.thresholds import HeatRules
from steal_scheduler.exception import ConfigError
from steal_scheduler.model.assignment import Rule
from steal_scheduler.moves.deadlines import Deadlines

_T = TypeVar('_T')


def rules(conf: Any, routes: Sequence[Rule] = ()) -> Rules:
    """What decides.

    :param routes: who belongs to which orchestrator

    :raises ConfigError: options contradict each other
    """
    _check(conf)
    return Rules(
        heat=_fill(HeatRules, conf.placement, conf.limits),
        detect=_fill(DetectRules, conf.detection),
        plan=_fill(PlanRules, conf.placement),
        limit=_fill(
            LimitRules,
            conf.limits,
            conf.placement,
            blackout=limits_conf.windows(conf.limits.blackout),
            out=_out(conf, routes),
        ),
        trust=_fill(TrustRules, conf.trust, conf.signals, conf.limits),
    )


def _out(conf: Any, routes: Sequence[Rule]) -> OutRules:
    count, percent = limits_conf.role_out(conf.limits.role_out)
    return OutRules(
        role_out=count,
        role_out_percent=percent,
        reattach_alarm=conf.stages.reattach_alarm,
        routes=tuple(routes),
    )


def deadlines(conf: Any) -> Deadlines:
    return _fill(Deadlines, conf.stages, conf.detection)


def _fill(cls: type[_T], *groups: Any, **values: Any) -> _T:
    """Its fields are named as options are, but for these values."""
    return cls(
        **values,
        **{
            field.name: next(
                group[field.name] for group in groups if field.name in group
            )
            for field in dataclasses.fields(cls)  # type: ignore[arg-type]
            if field.name not in values
        },
    )


def _check(conf: Any) -> None:
    _at_most(conf, 'detection', 'polls_suffering', 'polls_window')
    _at_most(conf, 'placement', 'target_demand', 'relief_demand')
    _at_most(conf, 'migrator', 'step_interval', 'poll_interval')
    _at_most(conf, 'limits', 'cooldown', 'history')


def _at_most(conf: Any, group: str, small: str, large: str) -> None:
    if conf[group][small] > conf[group][large]:
        raise ConfigError(
            f'[{group}] {small} = {conf[group][small]:g} is more than '
            f'{large} = {conf[group][large]:g}: lower the first or raise the '
            'second.'
        )
