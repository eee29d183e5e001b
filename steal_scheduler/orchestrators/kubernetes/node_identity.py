"""Whose node it is: which server it runs on. Pure."""

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
    PROVIDER = 'the provider id says that it is this server'
    SYSTEM = 'the system UUID does'
    OTHER = 'one of them says that it is another'
    UNKNOWN = 'neither says anything'


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
    found: dict[Whose, list[Node]] = {Whose.PROVIDER: [], Whose.SYSTEM: []}
    for node in nodes:
        kin = whose(node, server_id)
        if kin in found:
            found[kin].append(node)
    return found[Whose.PROVIDER] or found[Whose.SYSTEM]


def why_not(node: Node, server_id: str) -> str:
    """Why a node is not the server's; '' of one that is."""
    kin = whose(node, server_id)
    if kin is Whose.OTHER:
        says = node.provider_id or f'system UUID {node.system_uuid}'
        return f'node {node.name} is another server: {says}'
    if kin is Whose.UNKNOWN:
        return (
            f'node {node.name} has no provider id of OpenStack and no system '
            'UUID: nothing proves that it is this server'
        )
    return ''


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
