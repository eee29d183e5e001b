"""The options of the Prometheus source that hold queries."""

from oslo_config import cfg


def _query(name: str, what: str, more: str = '') -> cfg.StrOpt:
    return cfg.StrOpt(
        name,
        help=f"""
{what}

Set it only where the preset's own query does not fit.

Possible values:

* A PromQL expression. ``{{window}}`` (with its unit:
  ``rate(x[{{window}}])``), ``{{max_age}}``, ``{{server_label}}``,
  ``{{host_label}}``, ``{{guest_label}}``, ``{{host_selector}}`` and
  ``{{guest_selector}}`` stand for the values of these options.
* Unset: the query of the preset.{more}

Related options:

* ``preset``, ``window``, ``max_age``, ``server_label``, ``host_label``
""",
    )


_ONE_SERIES = """ The answer must have one series per server, labelled with
  the server's uuid and with the host: aggregate with
  ``sum by ({server_label}, {host_label})``."""
_OPTIONAL = ' Where it has none, this is unknown, and nothing depends on it.'

OPTS = [
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
        'throttled_query',
        "Cores that each server's own CPU quota held back.",
        ' Only ``steal-exporter`` has one. Without it a server that waits '
        'for its\n  quota looks as if it suffered.',
    ),
    _query(
        'bad_seconds_query',
        'Share, from 0 to 1, of the seconds in which each server asked for a '
        'core and\nwaited for it.',
        ' Only ``steal-exporter`` has one. Without it only the mean of\n'
        '  the window is judged.',
    ),
    _query(
        'cores_query',
        'Physical cores (pCPUs) of each host that guests may use.',
        ' Override it where cores are reserved for the host\n  itself and '
        'the exporter does not know.',
    ),
    _query(
        'host_used_query',
        'Cores used on each host, by whatever runs there.',
        ' Only ``steal-exporter`` has one, which counts all\n  guests, also '
        'those that Nova does not know. Without it the sum of the\n  servers '
        'counts.',
    ),
    _query(
        'runnable_query',
        'Runnable vCPUs for each core of a host, as a mean of the window.',
        ' Only ``steal-exporter`` has one.' + _OPTIONAL,
    ),
    _query(
        'clock_query',
        "Seconds by which a host's clock is ahead of Prometheus'; behind is "
        'less than 0.',
        _OPTIONAL,
    ),
    _query(
        'guest_used_query',
        'Cores that each guest used, as it tells itself.',
        ' Only ``preset = node_exporter`` needs it.',
    ),
    _query(
        'guest_waited_query',
        'Cores of steal, as each guest counts it.',
        _OPTIONAL,
    ),
    _query(
        'guest_load_query',
        'Load average of each guest, over a minute.',
        ' Without it, demand seen from the\n  hypervisor takes its place.',
    ),
]
