"""Options of the orchestrator ``octavia``."""

from oslo_config import cfg

OPTS = (
    cfg.StrOpt(
        'auth_section',
        default='nova',
        help="""
Section of this file that says how to log in to Keystone, and in which region
and on which interface Octavia is.

Possible values:

* ``nova`` (default): log in as to Nova
* The name of a section of your own, with keystoneauth's options
  (``auth_type``, ``auth_url``, ``username``, ``password``, ``cafile``, ...),
  ``region_name`` and ``valid_interfaces``
""",
    ),
    cfg.StrOpt(
        'endpoint_override',
        help="""
Octavia's URL, instead of the one in Keystone's catalog.

Possible values:

* A URL, without ``/v2``: ``https://octavia.example.org:9876``
* Unset (default): the catalog's endpoint of the service ``load-balancer``
""",
    ),
    cfg.FloatOpt(
        'timeout',
        default=20,
        min=1,
        max=50,
        help="""
Seconds that one look at Octavia may take, with all its requests. All other
moves wait meanwhile.

Possible values:

* 1 to 50 seconds.
""",
    ),
    cfg.FloatOpt(
        'settle',
        default=30,
        min=0,
        help="""
Seconds from weight 0 on, in which connections may end, before the server
moves.

Possible values:

* Seconds, less than ``[stages] drain_timeout``.
""",
    ),
    cfg.StrOpt(
        'undrainable',
        default='refuse',
        choices=(
            ('refuse', 'The server does not move.'),
            ('keep', 'It keeps its weight there, and moves.'),
        ),
        help="""
What becomes of a server that weight 0 cannot drain: nothing else in its pool
takes connections, or the pool knows no weights (``SOURCE_IP_PORT``).

Possible values:

* ``refuse`` (default): it is not moved
* ``keep``: it moves while it takes connections there
""",
    ),
    cfg.ListOpt(
        'pools',
        default=[],
        help="""
Pools in which servers of all ``projects`` are looked for by their addresses,
whoever owns them: of load balancers that projects share.

Possible values:

* Ids of pools.
* Empty (default): the pools of the server's own project.

Related options:

* ``projects`` must say whose servers may be meant: projects without a common
  network may have the same addresses.
""",
    ),
    cfg.StrOpt(
        'mark',
        default='steal-scheduler',
        help="""
How the tag begins that a drained member gets.

Possible values:

* Letters, digits, ``-``, ``_`` and ``.``: up to 64. Different ones where
  several migrators share one Octavia.
""",
    ),
)
