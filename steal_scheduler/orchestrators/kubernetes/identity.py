"""Identity: which server a node is, by what it says of itself.

A name proves nothing, and a label neither: a kubelet writes those of its node.
"""

import enum
import re
import uuid

from steal_scheduler.edge.text import one_line
from steal_scheduler.orchestrators.kubernetes.nodes import (
    LABEL,
    Node,
    read_mark,
)

#: What firmware says that knows no UUID.
_NONE = {'0' * 32, 'f' * 32}


class Whose(enum.Enum):
    """What a node says of itself."""

    #: It is this server: by its provider id, or by its system UUID.
    THIS = enum.auto()
    OTHER = enum.auto()
    #: Its two ids contradict each other, and one is this server's.
    BOTH = enum.auto()
    UNKNOWN = enum.auto()


def whose(node: Node, server_id: str) -> Whose:
    """Compare what a node says with a server's id.

    OpenStack's cloud provider writes ``openstack:///ID`` or, with a region,
    ``openstack://REGION/ID``; others leave out or add a slash, and a kubelet
    that did not know the id has written ``openstack://NAME``, which nobody can
    change any more. The kubelet reads the system UUID from the SMBIOS tables,
    where Nova writes the server's id; some firmware swaps the bytes of its
    first three fields. So that counts for more than a provider id of another
    kind (``k3s://NAME``), and where it contradicts one of OpenStack nothing
    is known.

    For example of the server 5c3f: ``openstack:///5c3f/`` with the system UUID
    5C3F is THIS, and with 77aa it is BOTH; ``k3s://n`` with 77aa is OTHER.
    """
    # None of a server whose id is none; '' is nobody's.
    wanted = _hex(server_id) or None
    scheme, _, rest = node.provider_id.strip().lower().rpartition('://')
    provider = _hex(rest.rstrip('/').rpartition('/')[2])
    system = _hex(node.system_uuid)
    if system in _NONE:
        system = ''
    says: set[bool] = set()
    if system:
        swapped = uuid.UUID(bytes_le=bytes.fromhex(system)).hex
        says.add(wanted in (system, swapped))
    if provider and (scheme in ('openstack', '') or not system):
        says.add(provider == wanted)
    if len(says) > 1:
        return Whose.BOTH
    if not says:
        return Whose.UNKNOWN
    return Whose.THIS if True in says else Whose.OTHER


def doubt(node: Node, server_id: str) -> str:
    """Why a node cannot be taken for a server's; empty where it can."""
    ids = (
        f'its provider id is {one_line(node.provider_id, 90)!r}, its system '
        f'UUID {one_line(node.system_uuid, 90)!r}'
    )
    return {
        Whose.THIS: '',
        Whose.OTHER: f'node {node.name} is another server: {ids}',
        Whose.BOTH: f'node {node.name} contradicts itself: {ids}',
        Whose.UNKNOWN: f'node {node.name} has no provider id of OpenStack '
        'and no system UUID: nothing proves that it is this server',
    }[whose(node, server_id)]


def is_out(node: Node) -> bool:
    """Whether it is drained by us: it has our whole mark, and is its server.

    Who only writes our label on a node must not hold up others.
    """
    server_id = node.labels.get(LABEL, '')
    return read_mark(node) is not None and not doubt(node, server_id)


def _hex(text: str) -> str:
    """32 small digits, or nothing if it is no UUID."""
    digits = text.strip().lower().replace('-', '')
    return digits if re.fullmatch('[0-9a-f]{32}', digits) else ''
