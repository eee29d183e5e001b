"""The options of Consul: which agents, who we are to them, how long.

Each help says what a value is; what follows from it, and which belong
together, doc/source/configuration/consul.rst tells.
"""

from oslo_config import cfg

from steal_scheduler.edge.option import number, one_of
from steal_scheduler.orchestrators.shared_options import TLS

OPTS = [
    cfg.StrOpt(
        'address',
        default='https://{address}:8501',
        help="""
The URL of the Consul agent that runs in a server.

Possible values:

* ``http://`` or ``https://``, a host, a port. In it ``{address}`` is the
  server's own address in Nova, which no tenant can invent, ``{node}`` what the
  server is called in Consul, ``{name}`` its name in Nova and ``{id}`` its id.
""",
    ),
    cfg.ListOpt(
        'networks',
        default=[],
        help="""
Which of a server's addresses is ``{address}``: the first in the first of
these networks. The drain of a server without one is refused.

Possible values:

* Networks that no tenant can make a second time: ``10.20.0.0/16``.
* Empty (default): the only address that the server has.
""",
    ),
    cfg.StrOpt(
        'catalog',
        default='http://127.0.0.1:8500',
        help="""
The URL at which the catalog of the cluster is read: of an agent on this
controller, or of a Consul server, in the datacenter of the nodes.

Possible values:

* An ``http://`` or ``https://`` URL without a path.
""",
    ),
    cfg.StrOpt(
        'token_file',
        help="""
File with the ACL token for the agents and the catalog, which is read again for
each request. Consul keeps it on the disk of the node for as long as the
maintenance lasts, where root can read it. So it must not reach a stranger: set
``projects``, or ``cafile`` with an ``https://`` address, or use ``{id}``.

Possible values:

* A path. With ``{id}`` in it each server has a token of its own, and the
  catalog has the word ``catalog`` in that place.
""",
    ),
    *TLS,
    cfg.StrOpt(
        'tls_server_name',
        help="""
The name that the certificate of an agent must have, instead of the host in
``address``. The certificates that Consul makes hold no addresses, so with
``{address}`` in ``address`` they are only accepted by this option.

Possible values:

* ``client.dc1.consul``: any agent that Consul's CA made a certificate for.
* ``{node}.node.dc1.consul``: that node alone. So do ``{name}``, ``{id}``.
""",
    ),
    cfg.BoolOpt(
        'insecure',
        default=False,
        help="""
Do not verify certificates, and let tokens pass over plain ``http://``.

Possible values:

* ``True``: anybody on the way can read the token. Not with ``cafile``.
""",
    ),
    number(
        'timeout',
        default=3.0,
        allowed='0.1 to 15 seconds',
        help="""
Seconds for a connection, and twice that for all of an answer. All other moves
wait meanwhile.
""",
    ),
    number(
        'settle',
        default=10.0,
        allowed='0 to 3600 seconds',
        help="""
Seconds between the moment at which the catalog shows the maintenance of a node
and the migration. Give more than the TTL of DNS answers and than
consul-template waits before it acts, and less than ``drain_timeout``.
""",
    ),
    one_of(
        'unreachable',
        default='refuse',
        words={
            'refuse': 'the server is not moved',
            'proceed': 'it is moved as if its node were in maintenance',
        },
        help="""
What to do with a server whose agent does not answer when it should be drained.
An agent that answers and says no is always a refusal.
""",
    ),
]
