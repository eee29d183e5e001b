"""``[stages]``: deadlines of a move."""

from oslo_config import cfg

GROUP = 'stages'


def _deadline(name: str, default: float, what: str) -> cfg.FloatOpt:
    return cfg.FloatOpt(
        name,
        default=default,
        min=0,
        help=f"""
{what}

Possible values:

* Seconds.
""",
    )


OPTS = [
    _deadline(
        'drain_timeout',
        600,
        'How long a server may take to leave its orchestrator and to get its '
        'turn, before\nit is put back.',
    ),
    _deadline(
        'request_timeout',
        60,
        'How long Nova may take to record a migration that it was asked for.',
    ),
    _deadline(
        'queue_timeout',
        600,
        'How long a migration may be queued or prepared before it is aborted.',
    ),
    _deadline(
        'migration_timeout',
        1800,
        'How long a migration may copy memory, counted from the moment it '
        'runs, before it is\naborted: it does not converge then. It is never '
        'forced by suspending the server.',
    ),
    _deadline(
        'abort_timeout',
        120,
        'How long an abort may take before a person is called (log level '
        'ERROR) and the server,\nwhich runs on its source all the while, is '
        'put back.',
    ),
    _deadline(
        'reattach_alarm',
        300,
        'How long a server may take to be back in its orchestrator, before a '
        'person is called (log\nlevel ERROR, notification) and that '
        'orchestrator gets no other server to take out.',
    ),
    _deadline(
        'settle_time',
        90,
        'How long after its arrival the steal of a server is measured: at '
        'least the window of\nthe signals.',
    ),
    _deadline(
        'verify_timeout',
        600,
        'How long to wait for that measurement.',
    ),
]
