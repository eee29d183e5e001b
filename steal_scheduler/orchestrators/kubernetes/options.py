"""The options of a Kubernetes cluster: how it is reached and who is who."""

from oslo_config import cfg

CONNECTION = (
    cfg.StrOpt(
        'kubeconfig',
        help="""
The kubeconfig file that leads to the cluster. It is read again when the
cluster refuses what it held.

Possible values:

* A path.

Related options:

* ``context``; instead of ``server``, ``token_file`` and ``ca_file``.
""",
    ),
    cfg.StrOpt(
        'context',
        help="""
Which context of ``kubeconfig``.

Possible values:

* Its name.
* Unset: the current one of that file.
""",
    ),
    cfg.StrOpt(
        'server',
        help="""
URL of the cluster's API server.

Possible values:

* ``https://10.0.0.10:6443``

Related options:

* ``token_file`` and ``ca_file``; instead of ``kubeconfig``.
""",
    ),
    cfg.StrOpt(
        'token_file',
        help="""
File with the bearer token for ``server``. It is read again for every request,
so that the token may be renewed.

Possible values:

* A path.
""",
    ),
    cfg.StrOpt(
        'ca_file',
        help="""
File with the certificates by which ``server`` is known, as PEM.

Possible values:

* A path.
* Unset: the public certificate authorities.
""",
    ),
    cfg.BoolOpt(
        'insecure',
        default=False,
        help="""
Talk to whoever answers, without looking at certificates, or over plain HTTP.
Who is in between can read the token.

Possible values:

* ``False`` (default): also where the kubeconfig file says
  ``insecure-skip-tls-verify``.
* ``True``
""",
    ),
    cfg.FloatOpt(
        'timeout',
        default=5,
        min=0.5,
        max=8,
        help="""
Seconds that one answer of the API server may take. All other moves wait
meanwhile.

Possible values:

* 0.5 to 8 seconds.
""",
    ),
)

NODES = (
    cfg.StrOpt(
        'mark',
        default='steal-scheduler',
        help="""
What our labels, annotations and taints on nodes begin with. Two installations
that share a cluster need two.

Possible values:

* A DNS name: ``steal-scheduler``, ``steal.example.org``. It must not change
  while a server is out.
""",
    ),
    cfg.BoolOpt(
        'trust_names',
        default=False,
        help="""
Believe that a node is the server by its name alone, where it has neither
OpenStack's provider id nor a system UUID. The name may come from the server's
metadata, which its tenant writes.

Possible values:

* ``False`` (default), ``True``
""",
    ),
)
