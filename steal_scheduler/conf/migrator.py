"""``[migrator]``: the service itself; ``[stages]``: deadlines of its moves."""

from oslo_config import cfg

from steal_scheduler.edge.option import number

OPTS = [
    cfg.BoolOpt(
        'dry_run',
        default=True,
        help="""
Decide, log, measure and notify, saying that it is a dry run, but begin no
move: no tag, no drain, no migration. Moves in flight are brought to an end.
""",
    ),
    number(
        'poll_interval',
        default=60.0,
        allowed='0.1 to 3600 seconds',
        help="""
Seconds between two readings of the signals, and so between two polls of the
detection. It should not be less than their scrape interval, nor than
``[prometheus] window``: where windows overlap, two polls see the same burst.
""",
    ),
    cfg.ListOpt(
        'orchestrators',
        default=[],
        help="""
Orchestrators that drain servers before they move, and reattach them. A server
that belongs to several is drained in this order and reattached in the reverse
order; one that belongs to none just moves.

Possible values:

* Names of sections, each once: ``load-balancer, kubernetes-1, kubernetes-2``.
  Each section says for which servers it is, and by ``driver`` of what kind:
  by default that of its own name (``kubernetes``).
""",
    ),
    cfg.StrOpt(
        'lock_url',
        default='file:///var/lib/steal-scheduler',
        # It may hold a password.
        secret=True,
        help="""
Where the controllers agree which of their migrators leads.

Possible values:

* ``file:///DIRECTORY``: enough for one controller, or for a directory that
  all controllers share with working locks.
* The URL of any other driver of tooz that has locks:
  ``etcd3+http://HOST:2379``, ``redis://HOST:6379``, ``mysql://...``.
""",
    ),
    cfg.HostAddressOpt(
        'metrics_host',
        default='127.0.0.1',
        help="""
IP address or host name on which Prometheus metrics are served, at /metrics.
The page is not authenticated and names hosts and zones: keep it on loopback
or on a management network.
""",
    ),
    cfg.PortOpt(
        'metrics_port',
        default=9188,
        help='TCP port of the metrics on ``metrics_host``; 0 turns them off.',
    ),
]

STAGE_OPTS = [
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
