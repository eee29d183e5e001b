"""``[migrator]``: the service itself."""

from oslo_config import cfg

from steal_scheduler.edge.option import number

GROUP = 'migrator'

OPTS = [
    cfg.BoolOpt(
        'dry_run',
        default=True,
        help="""
Decide, log, measure and notify, but begin no move: no tag, no drain, no
migration. The log and the notifications say that it is a dry run. Moves that
are in flight when it is turned on are brought to an end.
""",
    ),
    number(
        'poll_interval',
        default=60.0,
        allowed='0.1 to 3600 seconds',
        help="""
Seconds between two readings of the signals, and so between two polls of the
detection. It should not be less than the scrape interval of the signals, nor
than ``[prometheus] window``: several polls would see the same burst if their
windows overlapped.
""",
    ),
    cfg.ListOpt(
        'orchestrators',
        default=[],
        help="""
Orchestrators that drain servers before they move and reattach them. Each
has a section of this name, which says of what kind it is and for which
servers. A server that belongs to several orchestrators is drained in this
order, and reattached in the reverse order. A server that belongs to none just
moves.

Possible values:

* Names of sections, each once: ``load-balancer, kubernetes-1, kubernetes-2``.
  An orchestrator with the name of a driver (``kubernetes``) is of that kind,
  unless its section sets ``driver``.
* Empty (default): servers move without a drain.
""",
    ),
    cfg.StrOpt(
        'lock_url',
        default='file:///var/lib/steal-scheduler',
        # It may hold a password.
        secret=True,
        help="""
Where the controllers agree which of their migrators leads, as a tooz URL.

Possible values:

* ``file:///DIRECTORY``: enough for one controller, or for a directory that
  all controllers share with working locks.
* ``etcd3+http://HOST:2379``, ``redis://HOST:6379``, ``mysql://...`` and any
  other driver of tooz that has locks.
""",
    ),
    cfg.HostAddressOpt(
        'metrics_host',
        default='127.0.0.1',
        help="""
Address on which Prometheus metrics are served, at /metrics.

Possible values:

* An IP address or host name of this controller. The page is not
  authenticated and names hosts and zones: keep it on loopback or on a
  management network.
""",
    ),
    cfg.PortOpt(
        'metrics_port',
        default=9188,
        help="""
TCP port of the metrics on ``metrics_host``.

Possible values:

* 1 to 65535; 0 turns them off.
""",
    ),
]
