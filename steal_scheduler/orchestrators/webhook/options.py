"""Options of a webhook."""

import ssl
from typing import Any

from oslo_config import cfg

from steal_scheduler.edge.checks import http_url
from steal_scheduler.edge.option import number
from steal_scheduler.exception import ConfigError, told_as
from steal_scheduler.orchestrators.shared_options import LISTS_DETACHED, TLS
from steal_scheduler.orchestrators.webhook.signature import read_keys

OPTS = (
    cfg.StrOpt(
        'url',
        help="""
The URL of the receiver. It is required. Requests use no proxy, and redirects
are not followed. Use https://: with http:// anybody on the way reads the
servers' metadata, and can answer "done" in the receiver's place.
""",
    ),
    cfg.StrOpt(
        'signing_key_file',
        help="""
File with the key that signs the requests. It is required, and read again for
each request. It holds ``whsec_`` and the base64 of 24 to 64 random bytes, and
only this service may read it. Of several lines each signs.
""",
    ),
    number(
        'timeout',
        default=10.0,
        allowed='0.1 to 50 seconds',
        help="""
Seconds for a whole request, from the connection to the last byte of the
answer. If there is no answer in time, the request is sent again at the next
tick. Other servers of this orchestrator wait meanwhile: let the receiver
answer 202 instead of waiting.
""",
    ),
    *TLS,
    LISTS_DETACHED,
    cfg.BoolOpt(
        'takes_notices',
        default=False,
        help="""
The receiver also knows the verb ``notice``: a server will be moved. It may
object to that. Owners are told before a move only where ``steal:notice`` of a
host aggregate wants it.
""",
    ),
)


def check_options(section: str, options: Any) -> None:
    """:raises ConfigError: an option is wrong, or a file that it names"""
    url = http_url(options.url)
    if url is None:
        # Nothing of it is quoted, as it may hold a secret.
        raise ConfigError(
            f'[{section}] url is no address of a receiver. Use, for example, '
            'https://rotation.example.org/steal: no user, password, fragment '
            'or space.'
        )
    with told_as(
        f'[{section}] signing_key_file = ',
        ConfigError,
        '. Write a key into a file that only this service may read.',
    ):
        read_keys(options.signing_key_file or '')
    if url.scheme == 'http':
        return
    with told_as(
        f'[{section}] cafile = {options.cafile!r}, certfile = '
        f'{options.certfile!r}: ',
        ConfigError,
        '. Each must be a PEM file that this service may read, without a '
        'password.',
    ):
        tls = ssl.create_default_context(cafile=options.cafile)
        if options.certfile:
            # A password, or OpenSSL would ask for one on the terminal.
            tls.load_cert_chain(options.certfile, password='')
