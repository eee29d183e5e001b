"""What to ask Prometheus, for the exporters found in the field.

Metric and label names are those of the exporters' own sources:

* steal-exporter: steal_scheduler/exporter/collector.py
* inovex: github.com/inovex/prometheus-libvirt-exporter; its first release
  with vCPU metrics gave nanoseconds under the name of seconds.
* tinkoff: github.com/Tinkoff/libvirt-exporter and its descendants.
* node_exporter: github.com/prometheus/node_exporter, *inside the guests*,
  and on the hosts of the libvirt exporters, which do not tell of hosts.

NOTE: the prometheus-libvirt-exporter that Debian 12 packages (0.2.0) has no
delay metric, and neither have vexxhost's and kumina's: no preset can help.
"""

import dataclasses
import string
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Preset:
    """Query templates by option, and the labels of their answers."""

    queries: Mapping[str, str]
    #: The label that holds the Nova server's uuid, and the one that holds
    #: the host's name.
    server_label: str
    host_label: str
    #: What must be there for servers, or guests, and for hosts to answer:
    #: the usual thing missing.
    needs: str
    hosts_need: str = 'node_exporter on every hypervisor'
    #: Only guests tell of themselves.
    guests_only: bool = False


# NOTE: a rate outlives its series by a window, sinking to zero all the
# while: a dead exporter would look like less and less waiting. 'and' with
# the series itself ends it at the first failed scrape.
_RATE = '(rate($metric[{window}]) and $metric)'

# The age is asked for where there is no rate, because an instant vector
# shows a series for five minutes after Prometheus itself was restarted.
_FRESH = '(timestamp($metric) > time() - {max_age})'

# 'max', here and below, so that a target scraped by two jobs is not counted
# twice.
_SERVER = string.Template(
    f'max by ({{server_label}}, {{host_label}}) ({_RATE})'
)
_HOST = string.Template(f'max by ({{host_label}}) ({_RATE})')
_GAUGE = string.Template(
    f'max by ({{host_label}}) ($metric and {_FRESH})',
)
# How far the clock of a host is ahead of Prometheus' at the scrape.
_CLOCK = string.Template(
    f'max by ({{host_label}}) ($metric - timestamp($metric) and {_FRESH})'
)
_RATIO = string.Template(
    'max by ($labels)'
    ' (rate($part[{window}]) / rate($whole[{window}]) and $whole)'
)

# The counters know the domain's name only; the info metric knows the uuid.
_LIBVIRT = string.Template(
    'sum by ({server_label}, {host_label}) ('
    'sum by (domain, {host_label}) ('
    f'max by (domain, vcpu, {{host_label}}) ({_RATE}))'
    ' * on (domain, {host_label}) group_left ({server_label}) '
    'max by (domain, {server_label}, {host_label}) ($info))'
)

_CORES = (
    'count by ({host_label}) (count by ({host_label}, cpu) ('
    'timestamp(node_cpu_seconds_total{mode="idle",{host_selector}})'
    ' > time() - {max_age}))'
)
_NODE = {
    'cores_query': _CORES,
    'clock_query': _CLOCK.substitute(
        metric='node_time_seconds{{host_selector}}'
    ),
}

_GUEST = string.Template(
    f'sum by ({{guest_by}}) (max by ({{guest_by}}, cpu, mode) ({_RATE}))'
)
_GUEST_LOAD = string.Template(
    f'max by ({{guest_by}}) ($metric and {_FRESH})'
).substitute(metric='node_load1{{guest_selector}}')


def _libvirt(info: str, server_label: str, needs: str) -> Preset:
    return Preset(
        {
            'used_query': _LIBVIRT.substitute(
                metric='libvirt_domain_vcpu_time_seconds_total', info=info
            ),
            # Not vcpu_wait: that one is 0 unless the kernel has schedstats
            # on.
            'waited_query': _LIBVIRT.substitute(
                metric='libvirt_domain_vcpu_delay_seconds_total', info=info
            ),
            **_NODE,
        },
        server_label=server_label,
        host_label='instance',
        needs=needs,
    )


def _guest(modes: str) -> str:
    return _GUEST.substitute(
        metric='node_cpu_seconds_total{{guest_selector},' + modes + '}'
    )


_STEAL_EXPORTER = {
    'used_query': _SERVER.substitute(
        metric='steal_exporter_server_run_seconds_total'
    ),
    'waited_query': _SERVER.substitute(
        metric='steal_exporter_server_wait_seconds_total'
    ),
    'throttled_query': _SERVER.substitute(
        metric='steal_exporter_server_throttled_seconds_total'
    ),
    'bad_seconds_query': _RATIO.substitute(
        labels='{server_label}, {host_label}',
        part='steal_exporter_server_bad_seconds_total',
        whole='steal_exporter_server_seconds_total',
    ),
    'cores_query': _GAUGE.substitute(metric='steal_exporter_host_cores'),
    # More than the servers' sum: also those that Nova does not know, and,
    # for a window, those that have just left. Too much is the safe side.
    'host_used_query': _HOST.substitute(
        metric='steal_exporter_host_run_seconds_total'
    ),
    'runnable_query': _RATIO.substitute(
        labels='{host_label}',
        part='steal_exporter_host_runnable_per_core_sum',
        whole='steal_exporter_host_runnable_per_core_count',
    ),
    'clock_query': _CLOCK.substitute(
        metric='steal_exporter_last_sample_timestamp_seconds'
    ),
}

PRESETS: Mapping[str, Preset] = {
    'steal-exporter': Preset(
        _STEAL_EXPORTER,
        server_label='uuid',
        host_label='instance',
        needs='steal-exporter on every hypervisor',
        hosts_need='steal-exporter on every hypervisor',
    ),
    'inovex': _libvirt(
        'libvirt_domain_openstack_info',
        'instance_id',
        'inovex prometheus-libvirt-exporter on every hypervisor, with '
        'libvirt 7.2 or newer',
    ),
    'tinkoff': _libvirt(
        'libvirt_domain_info_meta',
        'uuid',
        'Tinkoff libvirt-exporter 2.1 or newer on every hypervisor, with '
        'libvirt 7.2 or newer',
    ),
    'node_exporter': Preset(
        _NODE,
        server_label='instance_id',
        host_label='instance',
        needs='node_exporter in every guest, its series labelled as '
        'guest_key, guest_label and guest_selector say',
        guests_only=True,
    ),
    'custom': Preset(
        {},
        server_label='server_id',
        host_label='host',
        needs='whatever the query asks for',
        hosts_need='whatever the query asks for',
    ),
}

#: What guests tell beside a preset for hypervisors.
GUEST_PRESETS: Mapping[str, Mapping[str, str]] = {
    'none': {},
    'node_exporter': {
        'guest_waited_query': _guest('mode="steal"'),
        'guest_load_query': _GUEST_LOAD,
    },
}

#: And what they tell beside none.
GUESTS_ALONE: Mapping[str, str] = {
    # Guest time is contained in user time, and iowait is idle time.
    'guest_used_query': _guest('mode!~"idle|iowait|steal"'),
    **GUEST_PRESETS['node_exporter'],
}
