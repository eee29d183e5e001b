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
    cfg.FloatOpt(
        'timeout',
        default=20,
        min=1,
        max=50,
        help="""
Seconds that one drain or reattach may take, with all its requests to Octavia.
All other moves wait meanwhile.

Possible values:

* 1 to 50 seconds.
""",
    ),
    cfg.FloatOpt(
        'settle',
        default=30,
        min=0,
        max=3600,
        help="""
Seconds from weight 0 on, in which connections may end, before the server
moves.

Possible values:

* 0 to 3600 seconds, less than ``drain_timeout``.
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
)
