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
    cfg.BoolOpt(
        'reset_state',
        default=True,
        help="""
Reset the state of a server that our own abort of its live migration has left
in ERROR. With Nova 33 and 34 and libvirt each abort of a running migration
does, though the guest runs on its source. It is reset only where nova-compute
of that host is up and finds the guest running; else a person is called.

Possible values:

* ``True``: needs the policies ``os_compute_api:os-admin-actions:reset_state``
  and ``os_compute_api:os-server-diagnostics``, which are an admin's by
  default.
* ``False``: a person resets it. Such a server is in service, but its owner and
  Nova take it for broken, and its tag stays until then.
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

* ``file:///DIRECTORY``: for one controller. Its lock holds on one machine
  only, also where the directory is shared.
* ``etcd3+http://HOST:2379``, ``etcd3+https://HOST:2379``: for any number.
* ``redis://HOST:6379``: for any number. Each new leader waits for one
  ``lease``, since a redis that restarts or fails over may forget a lock.

tooz' other drivers cannot prove that a lock is still held, and are refused.
""",
    ),
    number(
        'lease',
        default=90,
        allowed='2 to 3600 seconds',
        help="""
Seconds for which a migrator leads without a word from the store of
``lock_url``, which is asked six times in that time. If the leader dies,
another one leads after so long at most. It must be 1.4 times as long as the
longest call: ``[nova] timeout``, or what an orchestrator may take.
""",
    ),
    cfg.ListOpt(
        'tag_keys',
        default=[],
        secret=True,
        help="""
Secrets by which the server tags of this migrator are signed, so that tenants
cannot forge one. The same on all controllers.

Possible values:

* Texts of 16 characters or more. The first one signs, and all are accepted: to
  change a key, put the new one behind the old one on all controllers, then
  before it, then remove the old one.
* Empty (default): the secret of the user of ``[nova]`` takes their place. When
  that is changed while servers are on their way, a new leader reattaches them
  one after the other.
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
Seconds after which a migration that has not ended is aborted, at least: one
that copies much may take twice as long as that takes at ``[limits]
copy_rate``. It is aborted before where Nova tells that it copies the same
memory again and again. It is never forced by suspending the server.
""",
    ),
    number(
        'longest_migration',
        default=14400.0,
        allowed='1 to 86400 seconds',
        help="""
Seconds that no migration may exceed, however large the server is: so long may
it be out of its orchestrator. One that takes longer to copy at ``[limits]
copy_rate`` is not moved at all. Not less than ``migration_timeout``, which
counts instead then.
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
