"""The options of the Prometheus source, group ``[prometheus]``."""

from oslo_config import cfg

from steal_scheduler.signals.presets import PRESETS


def _query(name: str, what: str, more: str = '') -> cfg.StrOpt:
    return cfg.StrOpt(
        name,
        help=f"""
{what}

Set it only where the preset's own query does not fit.

Possible values:

* A PromQL expression. ``{{window}}`` (with its unit: ``rate(x[{{window}}])``),
  ``{{max_age}}``, ``{{server_label}}`` and ``{{host_label}}`` stand for the
  values of these options.
* Unset: the query of the preset.{more}

Related options:

* ``preset``, ``window``, ``max_age``, ``server_label``, ``host_label``
""",
    )


_ONE_SERIES = """ The answer must have one series per server, labelled with
  the server's uuid and, unless an agent in the guest answers, with the host:
  aggregate with ``sum by ({server_label}, {host_label})``."""

OPTS = [
    cfg.StrOpt(
        'preset',
        default='inovex',
        choices=[
            ('inovex', 'inovex prometheus-libvirt-exporter on hypervisors'),
            ('tinkoff', 'Tinkoff libvirt-exporter on hypervisors'),
            ('node_exporter', 'node_exporter inside the guests'),
            ('custom', 'no queries: you give them'),
        ],
        help="""
Which exporter tells what servers used and waited for.

The presets count the cores of a host with the node_exporter that runs on
it; its ``instance`` must name the same host, ports apart.

Possible values:

* The names below. Prefer a hypervisor's exporter: a guest's agent belongs
  to the tenant, and a guest whose clock source hides steal reads 0.

Related options:

* ``used_query``, ``waited_query`` and ``cores_query``, which ``custom``
  needs; ``load_query``, ``server_label``, ``host_label``
""",
    ),
    cfg.IntOpt(
        'window',
        default=60,
        min=5,
        max=3600,
        help="""
Seconds over which rates are taken.

A server is unknown until two samples are in the window, so for about two
scrapes after it was started or moved.

Possible values:

* At least two scrape intervals; four survive a failed scrape. Short windows
  see short spikes.
""",
    ),
    _query(
        'used_query',
        'Cores that each server used (CPU seconds per second).',
        _ONE_SERIES,
    ),
    _query(
        'waited_query',
        'Cores that each server was ready to use and had to wait for.',
        _ONE_SERIES,
    ),
    _query(
        'load_query',
        "Load average of each server's guest.",
        """ Only the preset node_exporter has one. With another preset and
  node_exporter in the guests: ``max by ({server_label}) (node_load1)``.
  Without it, demand seen from the hypervisor takes its place.""",
    ),
    _query(
        'cores_query',
        'Physical cores (pCPUs) of each host that guests may use.',
        ' Override it where cores are reserved for the host itself.',
    ),
    cfg.StrOpt(
        'server_label',
        help="""
Label that holds the uuid of the Nova server.

Possible values:

* A label name
* Unset: that of the preset ("""
        + ', '.join(f'{n}: {p.server_label}' for n, p in PRESETS.items())
        + """)
""",
    ),
    cfg.StrOpt(
        'host_label',
        help="""
Label that holds the name of the host.

Possible values:

* A label name
* Unset: that of the preset ("""
        + ', '.join(f'{n}: {p.host_label}' for n, p in PRESETS.items())
        + """)

Related options:

* ``host_regex``
""",
    ),
    cfg.StrOpt(
        'host_regex',
        default=r'(.+?)(?::\d+)?',
        help=r"""
Regular expression that turns the host label into Nova's name of the host.

Nova's name is what ``openstack compute service list`` shows; it is fully
qualified in some clouds and short in others.

Possible values:

* A Python regular expression which matches the whole label; its first group
  is Nova's name of the host. The default strips a port.
* ``([^.:]+).*`` strips a domain as well.

Related options:

* ``host_label``
""",
    ),
    cfg.IntOpt(
        'max_age',
        default=120,
        min=1,
        help="""
Seconds after which a sample is too old to be used.

A sample from the future by more than that is not used either: one of the
two clocks is wrong.

Possible values:

* More than the scrape interval of the host's node_exporter
""",
    ),
]
