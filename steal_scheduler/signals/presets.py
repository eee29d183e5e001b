"""What to ask Prometheus, for the exporters found in the field.

Metric and label names are those of the exporters' own sources:

* inovex: github.com/inovex/prometheus-libvirt-exporter; its first release
  with vCPU metrics gave nanoseconds under the name of seconds.
* tinkoff: github.com/Tinkoff/libvirt-exporter and its descendants.
* node_exporter: github.com/prometheus/node_exporter *inside the guests*.

NOTE: the prometheus-libvirt-exporter that Debian 12 packages (0.2.0) has no
delay metric, and neither have vexxhost's and kumina's: no preset can help.
"""

import dataclasses
import re
import string
from collections.abc import Mapping

from steal_scheduler.exception import ConfigError


@dataclasses.dataclass(frozen=True, slots=True)
class Preset:
    """Query templates; None where the operator must, or may, give one."""

    used: str | None
    waited: str | None
    load: str | None
    cores: str | None
    #: The label that holds the Nova server's uuid, and the one that holds
    #: the host's name.
    server_label: str
    host_label: str
    #: What must be there for ``waited`` to answer: the usual thing missing.
    needs: str


# NOTE: a rate outlives its series by a window, sinking to zero all the
# while: a dead exporter would look like less and less waiting. 'and' with
# the series itself ends it at the first failed scrape.
_RATE = '(rate($metric[{window}]) and $metric)'

# The counters know the domain's name only; the info metric knows the uuid.
# 'max' first, so that a target scraped by two jobs is not counted twice.
_LIBVIRT = string.Template(
    'sum by ({server_label}, {host_label}) ('
    'sum by (domain, {host_label}) ('
    f'max by (domain, vcpu, {{host_label}}) ({_RATE}))'
    ' * on (domain, {host_label}) group_left ({server_label}) '
    'max by (domain, {server_label}, {host_label}) ($info))'
)

_GUEST = string.Template(
    'sum by ({server_label}) ('
    f'max by ({{server_label}}, cpu, mode) ({_RATE}))'
)

# The age is asked for because an instant vector shows a series for five
# minutes after Prometheus itself was restarted. A host's own node_exporter
# has no server label; those in guests have.
_CORES = (
    'count by ({host_label}) (count by ({host_label}, cpu) ('
    'timestamp(node_cpu_seconds_total{mode="idle",{server_label}=""})'
    ' > time() - {max_age}))'
)

_GUEST_LOAD = (
    'max by ({server_label}) (node_load1{{server_label}!=""}'
    ' and (timestamp(node_load1{{server_label}!=""})'
    ' > time() - {max_age}))'
)


def _libvirt(metric: str, info: str) -> str:
    return _LIBVIRT.substitute(metric=metric, info=info)


def _guest(modes: str) -> str:
    return _GUEST.substitute(
        metric='node_cpu_seconds_total{{server_label}!="",' + modes + '}'
    )


def _hypervisor(info: str, server_label: str, needs: str) -> Preset:
    return Preset(
        used=_libvirt('libvirt_domain_vcpu_time_seconds_total', info),
        # Not vcpu_wait: that one is 0 unless the kernel has schedstats on.
        waited=_libvirt('libvirt_domain_vcpu_delay_seconds_total', info),
        # The hypervisor cannot see a guest's load average.
        load=None,
        cores=_CORES,
        server_label=server_label,
        host_label='instance',
        needs=needs,
    )


PRESETS: Mapping[str, Preset] = {
    'inovex': _hypervisor(
        'libvirt_domain_openstack_info',
        'instance_id',
        'inovex prometheus-libvirt-exporter on every hypervisor, with '
        'libvirt 7.2 or newer',
    ),
    'tinkoff': _hypervisor(
        'libvirt_domain_info_meta',
        'uuid',
        'Tinkoff libvirt-exporter 2.1 or newer on every hypervisor, with '
        'libvirt 7.2 or newer',
    ),
    'node_exporter': Preset(
        # Guest time is contained in user time, and iowait is idle time.
        used=_guest('mode!~"idle|iowait|steal"'),
        waited=_guest('mode="steal"'),
        load=_GUEST_LOAD,
        cores=_CORES,
        server_label='instance_id',
        host_label='instance',
        needs='node_exporter in every guest, its series labelled with the '
        "server's uuid (relabel __meta_openstack_instance_id)",
    ),
    'custom': Preset(
        used=None,
        waited=None,
        load=None,
        cores=None,
        server_label='server_id',
        host_label='host',
        needs='whatever the query asks for',
    ),
}

# A bare word in braces is not PromQL, so it can only be a placeholder.
_PLACEHOLDER = re.compile(r'\{\s*([A-Za-z_]\w*)\s*\}')


def render(option: str, template: str, values: Mapping[str, str]) -> str:
    """Fill the placeholders in.

    :param option: the option's name, for the message
    :raises ConfigError: the template has a placeholder that nobody fills
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ConfigError(
                f'[prometheus] {option} = {template!r}: nobody knows the '
                f'placeholder {match[0]}. Use one of '
                f'{{{"}, {".join(values)}}}.'
            )
        return values[match[1]]

    return _PLACEHOLDER.sub(value, template)
