"""The configuration as the values that the deciding packages take."""

from collections.abc import Sequence
from typing import Any

from steal_scheduler.decision import rules as sections
from steal_scheduler.exception import ConfigError
from steal_scheduler.model.assignment import Rule


def rules(conf: Any, assignment: Sequence[Rule] = ()) -> sections.Rules:
    """What decides.

    :param assignment: whom each orchestrator is for
    :raises ConfigError: options contradict each other
    """
    detection = conf.detection
    if detection.polls_contended > detection.polls_window:
        raise ConfigError(
            f'[detection] polls_contended = {detection.polls_contended} is '
            f'more than polls_window = {detection.polls_window}: lower the '
            'first or raise the second.'
        )
    # The names of the fields are those of the options; a test holds them.
    return sections.Rules(
        detection=sections.DetectionRules(**detection),
        hosts=sections.HostRules(**conf.hosts),
        limits=sections.LimitRules(**conf.limits),
        disabled_checks=frozenset(conf.host_checks.disabled_checks),
        max_age=conf.signals.max_age,
        **conf.stages,
        dry_run=conf.migrator.dry_run,
        reset_state=conf.migrator.reset_state,
        assignment=tuple(assignment),
        project_groups=conf.roles.project_groups,
    )
