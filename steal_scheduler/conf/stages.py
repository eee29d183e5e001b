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
        'Seconds that a server may take to leave its orchestrator and to get '
        'its turn, before\nit is reattached.',
    ),
    _deadline(
        'migration_timeout',
        1800,
        'Seconds that a migration may copy memory, counted from the moment it '
        'runs, before it is\naborted: it does not converge then. It is never '
        'forced by suspending the server.',
    ),
    _deadline(
        'reattach_alarm',
        300,
        'Seconds after which a server that should be back in its orchestrator '
        'calls a person (log\nlevel ERROR, notification), and no other server '
        'is drained there.',
    ),
]
