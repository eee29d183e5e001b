"""Options that orchestrators of several kinds have."""

from oslo_config import cfg

#: Whom we trust, and who we are, to a peer that is reached with HTTPS.
TLS = (
    cfg.StrOpt(
        'cafile',
        help="""
Path of a file with the certificates (PEM) of the authority that signed those
of the other side; unset for the authorities that the system trusts.
""",
    ),
    cfg.StrOpt(
        'certfile',
        help="""
Path of a file with the certificate of steal-migrator and its key, for a peer
that asks for one. PEM without a password, as of ``cat cert.pem key.pem``.
""",
    ),
)

LISTS_DETACHED = cfg.BoolOpt(
    'lists_detached',
    default=False,
    help="""
It also knows the verb ``detached``, and answers with the ids of the servers
that it has drained and not reattached: an executable prints them to its
standard output, one a line, a receiver answers with a list. Else only the
server's tag in Nova tells that it is drained.
""",
)
