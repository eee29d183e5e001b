"""``[prometheus]``: where it is, and what it is asked."""

from keystoneauth1 import loading
from oslo_config import cfg

from steal_scheduler.edge.option import Number, number
from steal_scheduler.signals.prometheus import client

OPTS = (
    cfg.StrOpt(
        'url',
        default='http://127.0.0.1:9090',
        help="""
Base URL, without query or fragment, of the Prometheus, or of anything that
speaks its HTTP API. ``/api/v1/query`` is appended to it. Thanos, Mimir and
VictoriaMetrics work as well; give the path prefix that they need. So does
OpenStack's Aetos. To log in set ``auth_type``, ``auth_section`` or
``token_file``.
""",
    ),
    cfg.StrOpt(
        'preset',
        default='steal-exporter',
        help="""
Preset file: what Prometheus is asked, and how the answers are read.
``steal-exporter`` alone tells of bad seconds, of throttling and of the
queue of runnable vCPUs. The others count the cores of a host, and compare
its clock, with the node_exporter that runs on it. Hosts are known by
``instance``: a name or an IP address that Nova has of them, or anything that
the exporter which tells the kernel's name has as well.

Possible values:

* ``steal-exporter``: this project's exporter on hypervisors
* ``steal-exporter-and-guests``: and node_exporter inside the guests
* ``inovex``: inovex' prometheus-libvirt-exporter on hypervisors
* ``tinkoff``: Tinkoff's libvirt-exporter on hypervisors
* ``node_exporter``: node_exporter inside the guests. Prefer an exporter on
  hypervisors: an agent in a guest belongs to the tenant, and a guest whose
  clock source hides steal reads 0.
* The absolute path of a YAML file of your own. It may extend one of these.
""",
    ),
    cfg.StrOpt(
        'selector',
        default='',
        help="""
Which series are those of this cloud: label matchers that are put into every
query, where one Prometheus scrapes several clouds. Without it, hosts that have
the same name in two of them are ambiguous, and no server moves there. A preset
file of your own says by ``$selector`` where.

Possible values:

* A list of PromQL label matchers, without braces: ``region="r1"``
* Empty: all series
""",
    ),
    cfg.Opt(
        'window',
        type=Number(int, '5 to 3600 seconds'),
        help="""
Seconds over which rates are taken. Short windows see short spikes. A server is
unknown until two samples are in the window, so for about two scrapes after it
was started or moved.

Possible values:

* Unset: four scrape intervals, as the samples of most hosts and guests tell
  them, and at least 60 seconds. That is 240 seconds where Prometheus scrapes
  every 60.
* 5 to 3600 seconds: at least two scrape intervals; four survive a failed
  scrape.
""",
    ),
    cfg.StrOpt(
        'token_file',
        help="""
File with a bearer token, for a Prometheus behind a proxy that wants one, such
as OpenShift's monitoring or oauth2-proxy: no ``auth_type`` of keystoneauth
sends such a token. It is read again for every query, so that a token may be
renewed. Neither ``auth_type`` nor ``auth_section`` may be set beside it.
""",
    ),
    # keystoneauth's own option, which knows no default and no limits.
    number(
        'timeout',
        default=10,
        allowed='1 to 300 seconds',
        help=f"""
Seconds that each query may take, from the connection to the end of its answer:
less than a fourth of ``poll_interval``. There is one query for each metric of
the preset, however many servers. A whole reading takes at most
{client.PATIENCE} times as long, and then fails.
""",
    ),
    *(o for o in loading.get_session_conf_options() if o.name != 'timeout'),
    *loading.get_auth_common_conf_options(),
)
