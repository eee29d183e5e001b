"""``[stages]``: deadlines of a move."""

from oslo_config import cfg

GROUP = 'stages'

#: Seconds; a day.
_MOST = 86400


def _deadline(name: str, default: float, what: str) -> cfg.FloatOpt:
    return cfg.FloatOpt(
        name,
        default=default,
        min=1,
        max=_MOST,
        help=f"""
{what}

Possible values:

* 1 to {_MOST}, in seconds.
""",
    )


OPTS = [
    _deadline(
        'drain_timeout',
        600,
        'Seconds that the drain of a server may take, together with the wait '
        'for its turn to\nmigrate. After that it is reattached and does not '
        'move.',
    ),
    _deadline(
        'migration_timeout',
        1800,
        'Seconds that a migration may run before it is aborted, because it '
        'does not converge. A\nmigration is never forced by suspending the '
        'server.',
    ),
    _deadline(
        'reattach_alarm',
        300,
        'Seconds that a reattach may take before a person is called (log '
        'level ERROR,\nnotification). Until it succeeds, that orchestrator '
        'drains no other server.',
    ),
]
