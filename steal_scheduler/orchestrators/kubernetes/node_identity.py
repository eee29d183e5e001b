"""Whose node it is: which server it runs on. Pure."""

import collections
import enum
import re
import uuid
from collections.abc import Iterable

from steal_scheduler.orchestrators.kubernetes.objects import Node

#: A DNS-1123 subdomain; another word would lead a URL elsewhere.
_NAME = re.compile(
    r'(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?'
    r'(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'
)
#: What firmware says that knows no UUID.
_NONE = {'0' * 32, 'f' * 32}


class Whose(enum.Enum):
    """What a node says of itself, as a sentence about it."""

    PROVIDER = 'node {0.name} is this server by its provider id'
    SYSTEM = 'node {0.name} is this server by its system UUID'
    OTHER = (
        'node {0.name} is another server: its provider id is '
        '{0.provider_id!r}, its system UUID {0.system_uuid!r}'
    )
    UNKNOWN = (
        'node {0.name} has no provider id of OpenStack and no system UUID: '
        'nothing proves that it is this server'
    )


def whose(node: Node, server_id: str) -> Whose:
    """Compare what a node says with a server's id.

    OpenStack's cloud provider writes ``openstack:///ID`` or, with a region,
    ``openstack://REGION/ID``; other providers on top of OpenStack write
    another word and the same id at the end. The kubelet reads the system
    UUID from the SMBIOS tables, where Nova writes the server's id. Some
    firmware swaps the bytes of its first three fields.
    """
    wanted = _hex(server_id)
    scheme, _, rest = node.provider_id.lower().partition('://')
    if wanted and _hex(rest.rpartition('/')[2]) == wanted:
        return Whose.PROVIDER
    if scheme == 'openstack':
        return Whose.OTHER
    found = _hex(node.system_uuid)
    if not found or found in _NONE:
        return Whose.UNKNOWN
    if wanted in (found, uuid.UUID(bytes_le=bytes.fromhex(found)).hex):
        return Whose.SYSTEM
    return Whose.OTHER


def best(nodes: Iterable[Node], server_id: str) -> list[Node]:
    """Those that are the server: by provider id, else by system UUID."""
    found = collections.defaultdict(list)
    for node in nodes:
        found[whose(node, server_id)].append(node)
    return found[Whose.PROVIDER] or found[Whose.SYSTEM]


def is_name(text: str) -> bool:
    """Whether a node can be called so.

    NOTE: it may come from a server's metadata. ``..`` would name the list of
    all resources.
    """
    return _NAME.fullmatch(text) is not None


def _hex(text: str) -> str:
    """32 small digits, or nothing if it is no UUID."""
    digits = text.strip().lower().replace('-', '')
    return digits if re.fullmatch('[0-9a-f]{32}', digits) else ''
