"""Our mark on a node, and the patches that write it and remove it.

It is a label, so that our nodes are found among thousands, and an annotation
that tells the rest. A patch names the version of the node that it was made
from: the API server refuses it (409) when somebody was faster.

For example a node that was cordoned by us for the server 5c3f::

    labels:
      steal-scheduler/server: 5c3f
    annotations:
      steal-scheduler/drained: {"since": "2026-11-28T12:00:00+00:00",
        "reason": "...", "cordoned_by_us": true, "budgets": {"shop/web": 3},
        "back": null}

One that an operator had cordoned says false there, and stays cordoned when
the mark goes.
"""

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any

from steal_scheduler.orchestrators.kubernetes.objects import Node

Patch = dict[str, Any]

#: Its value is the id of the server that the node is drained for.
LABEL = 'steal-scheduler/server'
ANNOTATION = 'steal-scheduler/drained'
#: The taint of a soft drain.
TAINT = 'steal-scheduler/moving'

REASON = 'The server is live-migrated, because it waits for CPU.'


@dataclasses.dataclass(frozen=True, slots=True)
class NodeMark:
    """What the annotation tells. Times are seconds since the epoch."""

    since: float
    #: It was us who cordoned it. Else it stays cordoned.
    cordoned: bool
    #: Budgets that had pods here, and how many healthy ones.
    budgets: Mapping[str, int] = dataclasses.field(default_factory=dict)
    #: When it was uncordoned; since then it only has to become ready.
    back: float | None = None


def read(node: Node) -> NodeMark | None:
    """What the annotation tells; None if it is lost, or not as we write it."""
    try:
        said = json.loads(node.annotations.get(ANNOTATION, ''))
        return NodeMark(
            since=_seconds(said['since']),
            cordoned=said['cordoned_by_us'] is True,
            budgets={str(k): int(v) for k, v in said['budgets'].items()},
            back=_seconds(said['back']) if said.get('back') else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def drain_patch(
    node: Node, server_id: str, mark: NodeMark, *, taint: bool
) -> Patch:
    """Cordon and mark it."""
    patch = _patch(node, server_id, mark)
    patch['spec']['unschedulable'] = True
    if taint:
        ours = {'key': TAINT, 'value': server_id, 'effect': 'NoSchedule'}
        patch['spec']['taints'] = [*_foreign_taints(node), ours]
    return patch


def reattach_patch(node: Node, mark: NodeMark, back: float | None) -> Patch:
    """Undo it; what is not ours stays.

    :param back: keep the mark until the node is ready, with this time in it;
        None to remove it
    """
    patch = _patch(node, None, None)
    if back is not None:
        # From here on whoever cordons it is somebody else.
        kept = dataclasses.replace(mark, back=back, cordoned=False)
        patch = _patch(node, node.labels[LABEL], kept)
    if mark.cordoned:
        patch['spec']['unschedulable'] = None
    foreign = _foreign_taints(node)
    if len(foreign) < len(node.taints):
        patch['spec']['taints'] = foreign
    return patch


def _patch(node: Node, server_id: str | None, mark: NodeMark | None) -> Patch:
    said = mark and {
        'since': _iso(mark.since),
        'reason': REASON,
        'cordoned_by_us': mark.cordoned,
        'budgets': dict(mark.budgets),
        'back': None if mark.back is None else _iso(mark.back),
    }
    return {
        'metadata': {
            'resourceVersion': node.version,
            'labels': {LABEL: server_id},
            'annotations': {ANNOTATION: said and json.dumps(said)},
        },
        'spec': {},
    }


def _foreign_taints(node: Node) -> list[Any]:
    return [t for t in node.taints if t['key'] != TAINT]


def _iso(seconds: float) -> str:
    at = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return at.isoformat(timespec='seconds')


def _seconds(iso: str) -> float:
    return datetime.datetime.fromisoformat(iso).timestamp()
