"""The options of the Prometheus source: what is asked, and of whom."""

from oslo_config import cfg

from steal_scheduler.signals.presets import PRESETS


def _labels(which: str) -> str:
    return ', '.join(
        f'{name}: {getattr(preset, which)}' for name, preset in PRESETS.items()
    )


OPTS = [
    cfg.StrOpt(
        'preset',
        default='steal-exporter',
        choices=[
            ('steal-exporter', "this project's exporter on hypervisors"),
            ('inovex', 'inovex prometheus-libvirt-exporter on hypervisors'),
            ('tinkoff', 'Tinkoff libvirt-exporter on hypervisors'),
            ('node_exporter', 'node_exporter inside the guests, only there'),
            ('custom', 'no queries: you give them'),
        ],
        help="""
Which exporter tells what servers used and waited for.

``steal-exporter`` alone tells of bad seconds, of throttling and of the
queue of runnable vCPUs. The others count the cores of a host, and compare
its clock, with the node_exporter that runs on it; its ``instance`` must name
the same host, ports apart.

Possible values:

* The names below. Prefer a hypervisor's exporter: a guest's agent belongs
  to the tenant, and a guest whose clock source hides steal reads 0.

Related options:

* ``guest_preset``: what guests tell besides
* ``used_query``, ``waited_query`` and ``cores_query``, which ``custom``
  needs; ``server_label``, ``host_label``
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
    cfg.StrOpt(
        'server_label',
        help=f"""
Label that holds the uuid of the Nova server.

Possible values:

* A label name
* Unset: that of the preset ({_labels('server_label')})
""",
    ),
    cfg.StrOpt(
        'host_label',
        help=f"""
Label that holds the name of the host.

Possible values:

* A label name
* Unset: that of the preset ({_labels('host_label')})

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
    cfg.StrOpt(
        'host_selector',
        help="""
Which series of node_exporter are those of hypervisors, where a preset counts
their cores with it.

Possible values:

* A list of PromQL label matchers, without braces: ``job="node"``
* Unset: the opposite of ``guest_selector``

Related options:

* ``guest_selector``
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

* More than the scrape interval of what tells of hosts
""",
    ),
]
