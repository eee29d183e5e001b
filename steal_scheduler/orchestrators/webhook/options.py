"""Options of a webhook, and the receiver that they describe."""

import os
import urllib.parse
from typing import Any

from oslo_config import cfg

from steal_scheduler.exception import ConfigError
from steal_scheduler.orchestrators.webhook.signed_post import (
    Receiver,
    read_keys,
)

OPTS = (
    cfg.StrOpt(
        'url',
        help="""
The URL of the receiver. It is required. Requests use no proxy, and redirects
are not followed.

Possible values:

* An https:// URL.
* An http:// URL. Then anybody on the way reads the servers' metadata, and can
  answer "done" in the receiver's place.

Related options:

* ``cafile``, ``certfile``, ``keyfile``
""",
    ),
    cfg.StrOpt(
        'signing_key_file',
        help="""
File with the key that signs the requests. It is required. It is read again for
each request.

Possible values:

* A path. The file holds ``whsec_`` and the base64 of 24 to 64 random bytes,
  and only this service may read it. If the file has several lines, each of
  the keys signs, and the receiver may know any of them.
""",
    ),
    cfg.FloatOpt(
        'timeout',
        default=10,
        min=0.1,
        max=50,
        help="""
Seconds for a whole request, from the connection to the last byte of the
answer. If there is no answer in time, the request is sent again at the next
tick. All other moves wait meanwhile: let the receiver answer 202 instead of
waiting.

Possible values:

* 0.1 to 50 seconds.
""",
    ),
    cfg.StrOpt(
        'cafile',
        help="""
File with the certificates (PEM) of the authority that signed the receiver's
certificate, which is always verified.

Possible values:

* A path
* Unset (default): the authorities of the system
""",
    ),
    cfg.StrOpt(
        'certfile',
        help="""
File with the certificate (PEM) of steal-migrator, for a receiver that asks for
one.

Possible values:

* A path
* Unset (default): only the signature tells the receiver who we are

Related options:

* ``keyfile``
""",
    ),
    cfg.StrOpt(
        'keyfile',
        help="""
File with the private key (PEM, without a password) of ``certfile``.

Possible values:

* A path
* Unset (default): the key is in ``certfile``

Related options:

* ``certfile``
""",
    ),
    cfg.BoolOpt(
        'lists_detached',
        default=False,
        help="""
The receiver also knows the type ``server.detached``, and answers with the ids
of the servers that it has drained and not reattached.

Possible values:

* ``False`` (default): only the server's tag in Nova tells that it is drained
* ``True``
""",
    ),
)


def receiver(section: str, options: Any) -> Receiver:
    """:raises ConfigError: an option is wrong, or a file that it names"""
    found = Receiver(
        _parsed(section, options.url),
        options.timeout,
        options.cafile,
        options.certfile,
        options.keyfile,
    )
    path = options.signing_key_file or ''
    try:
        if os.stat(path).st_mode & 0o006:
            raise ValueError('anybody may read or write the file')
        read_keys(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f'[{section}] signing_key_file = {path!r}: {error}. Write a key '
            'into a file that only this service may read.'
        ) from error
    try:
        found.tls()
    except OSError as error:
        raise ConfigError(
            f'[{section}] cafile = {options.cafile!r}, certfile = '
            f'{options.certfile!r}, keyfile = {options.keyfile!r}: {error}. '
            'Each must be a PEM file that this service may read, without a '
            'password.'
        ) from error
    return found


def _parsed(section: str, url: str | None) -> urllib.parse.SplitResult:
    """The address; an error quotes nothing of it, as it may hold a secret."""
    text = url or ''
    try:
        parts = urllib.parse.urlsplit(text)
        found = parts.scheme in ('http', 'https') and parts.hostname
        refused = parts.port == 0 or parts.username is not None
    except ValueError:
        found = None
    if (
        not found
        or refused
        or parts.fragment
        # http.client takes nothing else in a request line.
        or not (text.isascii() and text.isprintable() and ' ' not in text)
    ):
        raise ConfigError(
            f'[{section}] url is no address of a receiver. Use, for example, '
            'https://rotation.example.org/steal: no user, password, fragment '
            'or space.'
        )
    return parts
