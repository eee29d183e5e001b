"""``[stages]``: deadlines of a move."""

from steal_scheduler.edge.option import number

GROUP = 'stages'

OPTS = [
    number(
        'drain_timeout',
        default=600.0,
        allowed='1 to 86400 seconds',
        help="""
Seconds that the drain of a server and the wait for its turn to migrate may
take. After that it is reattached and does not move.
""",
    ),
    number(
        'migration_timeout',
        default=1800.0,
        allowed='1 to 86400 seconds',
        help="""
Seconds after which a migration that does not converge is aborted. It is never
forced by suspending the server.
""",
    ),
    number(
        'reattach_alarm',
        default=300.0,
        allowed='1 to 86400 seconds',
        help="""
Seconds that a reattach may take before a person is called (log level ERROR,
notification). Until it succeeds, that orchestrator drains no other server.
""",
    ),
]
