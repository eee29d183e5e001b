"""``[migrator]``: the service itself."""

from oslo_config import cfg

from steal_scheduler.edge.option import number

GROUP = 'migrator'

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
