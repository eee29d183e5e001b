"""The options of Consul: which agents, who we are to them, how long."""

from oslo_config import cfg

OPTS = [
    cfg.StrOpt(
        'address',
        default='https://{address}:8501',
        help="""
Where the agent of a server answers.

Possible values:

* ``http://`` or ``https://``, a host, a port. In it ``{address}`` is the
  server's own address in Nova, ``{node}`` what the server is called in
  Consul, ``{name}`` its name in Nova and ``{id}`` its id. Nova's address is
  the one that no tenant can invent.

Related options:

* ``networks``, ``tls_server_name``, ``cafile``
""",
    ),
    cfg.ListOpt(
        'networks',
        default=[],
        help="""
Which of a server's addresses is ``{address}``: the first in the first of
these networks. A server without is refused.

Possible values:

* Networks in CIDR notation: ``10.20.0.0/16``. List those that no tenant can
  make a second time.
* Empty (default): the only address that it has; with several it is refused.
""",
    ),
    cfg.StrOpt(
        'catalog',
        default='http://127.0.0.1:8500',
        help="""
Where the cluster itself is asked who is out: an agent on this controller, or
a Consul server, of the datacenter of the nodes.

Possible values:

* An ``http://`` or ``https://`` URL without a path.

Related options:

* ``catalog_token_file``, ``cafile``
""",
    ),
    cfg.StrOpt(
        'token_file',
        help="""
File with the ACL token for the agents. It is read again for each request.

The token is sent to the agent, and Consul keeps it on the disk of the node
for as long as the maintenance lasts: who is root there can read it.

Possible values:

* A path. With ``{id}`` in it each server has a token of its own, which then
  need not be good for any other node.
* Unset: no token.

Related options:

* It must not reach a stranger: set ``projects``, or ``cafile`` with an
  ``https://`` address, or use ``{id}``.
""",
    ),
    cfg.StrOpt(
        'catalog_token_file',
        help="""
File with the ACL token for ``catalog``, which only reads.

Possible values:

* A path.
* Unset: ``token_file``, if that has no ``{id}``; else no token.
""",
    ),
    cfg.StrOpt(
        'cafile',
        help="""
File with the certificates (PEM) that vouch for agents and catalog.

Possible values:

* A path: Consul's own CA.
* Unset: the public ones that come with ``requests``.
""",
    ),
    cfg.StrOpt(
        'certfile',
        help="""
File with our certificate (PEM), for agents that ask for one
(``verify_incoming``).

Possible values:

* A path. The key is in the same file, or in ``keyfile``.
""",
    ),
    cfg.StrOpt(
        'keyfile',
        help="""
File with the key (PEM) of our certificate, without a password.

Possible values:

* A path.
""",
    ),
    cfg.StrOpt(
        'tls_server_name',
        help="""
The name that the certificate of an agent must have, instead of the host in
``address``.

Possible values:

* ``client.dc1.consul``: any agent that Consul's CA made one for.
* ``{node}.node.dc1.consul``: that node alone, where its certificate names it.
  ``{name}`` and ``{id}`` work as well.
* Unset: the host in ``address``.
""",
    ),
    cfg.BoolOpt(
        'insecure',
        default=False,
        help="""
Do not verify certificates, and let tokens pass over plain ``http://``.

Possible values:

* ``False`` (default)
* ``True``: anybody on the way can read the token.
""",
    ),
    cfg.FloatOpt(
        'timeout',
        default=3,
        min=0.1,
        max=15,
        help="""
Seconds for a connection, and twice that for all of an answer. All other moves
wait meanwhile.

Possible values:

* 0.1 to 15 seconds.
""",
    ),
    cfg.FloatOpt(
        'settle',
        default=10,
        min=0,
        help="""
Seconds between the moment at which the cluster has seen a node out of service
and the migration.

Possible values:

* More than the TTL of DNS answers (``dns_config`` of Consul, and caches behind
  it), and what consul-template waits before it acts.
""",
    ),
    cfg.StrOpt(
        'unreachable',
        default='refuse',
        choices=[
            ('refuse', 'the server is not moved'),
            ('proceed', 'it is moved as if it were out'),
        ],
        help="""
What to do with a server whose agent does not answer when it should be taken
out. An agent that answers and says no is always a refusal.

Possible values:

* The names below.
""",
    ),
    cfg.StrOpt(
        'mark',
        default='steal-scheduler',
        help="""
How the reasons begin by which we know our own maintenance.

Possible values:

* Letters, digits, ``.``, ``_`` and ``-``. Two installations that share a
  datacenter need two marks.
""",
    ),
]
