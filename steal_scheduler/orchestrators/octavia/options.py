"""Options of the orchestrator ``octavia``."""

from oslo_config import cfg

from steal_scheduler.edge.option import number

OPTS = (
    cfg.StrOpt(
        'auth_section',
        default='nova',
        help="""
Section of this file that says how to log in to Keystone, and in which region
and on which interface Octavia is: ``nova``, or one of your own with
keystoneauth's options (``auth_type``, ``auth_url``, ``username``,
``password``, ``cafile``, ...), ``region_name`` and ``valid_interfaces``.
""",
    ),
    number(
        'timeout',
        default=20.0,
        allowed='1 to 50 seconds',
        help="""
Seconds that one drain or reattach may take, with all its requests to Octavia.
Other servers of this orchestrator wait meanwhile.
""",
    ),
    number(
        'settle',
        default=30.0,
        allowed='0 to 3600 seconds',
        help="""
Seconds from weight 0 on, in which connections may end, before the server
moves. Give less than ``drain_timeout``.
""",
    ),
    cfg.ListOpt(
        'pools',
        default=[],
        help="""
Pools in which servers of all ``projects`` are looked for by their addresses,
whoever owns them: of load balancers that projects share. Projects without a
common network may have the same addresses. Each is the id of a pool; empty:
the pools of the server's own project.
""",
    ),
)
