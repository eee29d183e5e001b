"""Nodes: what we read of one, and our mark on it.

The mark is a label, so that our nodes are found among thousands, and an
annotation that tells the rest. A patch names the version of the node that it
was made from: the API server refuses it (409) when somebody was faster.

For example a node that was cordoned by us for the server 5c3f::

    labels:
      steal-scheduler/server: 5c3f
    annotations:
      steal-scheduler/drained: {"since": "2026-11-28T12:00:00+00:00",
        "reason": "...", "cordoned_by_us": true, "budgets": {"shop/web": 3},
        "pods": {"0b7e": "shop/ReplicaSet/web-7d"}, "overwritten":
        {"cluster-autoscaler.kubernetes.io/scale-down-disabled": null},
        "back": null}
      cluster-autoscaler.kubernetes.io/scale-down-disabled: "true"

One that an operator had cordoned says false there, and stays cordoned when
the mark goes.
"""

import dataclasses
import datetime
import json
import re
from collections.abc import Mapping
from typing import Any, Self

from steal_scheduler.edge.text import json_object, one_line

Patch = dict[str, Any]

#: Its value is the id of the server that the node is drained for.
LABEL = 'steal-scheduler/server'
ANNOTATION = 'steal-scheduler/drained'
#: The taint of a soft drain.
TAINT = 'steal-scheduler/moving'

#: While it says true the cluster-autoscaler does not delete the node, and the
#: server with it, for want of pods.
SCALE_DOWN = 'cluster-autoscaler.kubernetes.io/scale-down-disabled'
#: The taint of a node that it has chosen to delete.
AUTOSCALER_DELETES = 'ToBeDeletedByClusterAutoscaler'

_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
#: A DNS-1123 subdomain; another word would lead a URL elsewhere.
_NAME = re.compile(rf'(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*')


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    name: str
    #: resourceVersion: a patch that names it fails if the node has changed.
    version: str
    provider_id: str
    system_uuid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    unschedulable: bool
    taints: tuple[Mapping[str, Any], ...]
    #: Its kubelet reports, and says so.
    ready: bool

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """A node as the API gives it, which leaves out what is empty."""
        about, spec = said['metadata'], said.get('spec', {})
        status = said.get('status', {})
        return cls(
            name=one_line(about['name']),
            version=about['resourceVersion'],
            provider_id=spec.get('providerID', ''),
            system_uuid=status.get('nodeInfo', {}).get('systemUUID', ''),
            labels=about.get('labels', {}),
            annotations=about.get('annotations', {}),
            unschedulable=spec.get('unschedulable', False),
            taints=tuple(spec.get('taints', ())),
            ready=any(
                (one['type'], one['status']) == ('Ready', 'True')
                for one in status.get('conditions', ())
            ),
        )


def is_name(text: str) -> bool:
    """Whether a node can be called so.

    NOTE: it may come from a server's metadata. ``..`` would name the list of
    all resources.
    """
    return _NAME.fullmatch(text) is not None


@dataclasses.dataclass(frozen=True, slots=True)
class NodeMark:
    """What the annotation tells. Times are seconds since the epoch."""

    since: float
    #: It was us who cordoned it. Else it stays cordoned.
    cordoned: bool
    #: Budgets that had pods here, and how many healthy ones.
    budgets: Mapping[str, int] = dataclasses.field(default_factory=dict)
    #: Pods that were to leave, and ended or will end because of us, or by
    #: themselves: uid -> origin, by which what replaces them is known.
    pods: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: Annotations that we have set to true, and what they said before: None
    #: where there was none.
    overwritten: Mapping[str, str | None] = dataclasses.field(
        default_factory=dict
    )
    #: When it was uncordoned; since then it only has to become ready.
    back: float | None = None


def read_mark(node: Node) -> NodeMark | None:
    """What the annotation tells; None if it is lost, or not as we write it."""
    said = json_object(node.annotations.get(ANNOTATION, ''))
    try:
        return NodeMark(
            since=_seconds(said['since']),
            cordoned=said['cordoned_by_us'] is True,
            budgets={str(k): int(v) for k, v in said['budgets'].items()},
            # Of an older release there are none.
            pods={str(k): str(v) for k, v in said.get('pods', {}).items()},
            overwritten={
                str(k): v if v is None else str(v)
                for k, v in said.get('overwritten', {}).items()
            },
            back=_seconds(said['back']) if said.get('back') else None,
        )
    except (
        AttributeError,
        KeyError,
        OverflowError,
        TypeError,
        ValueError,
    ):
        return None


def mark_of(node: Node, now: float) -> NodeMark:
    """What there is to be put back, of a node that is about to be drained."""
    said = node.annotations.get(SCALE_DOWN)
    overwritten = {} if said == 'true' else {SCALE_DOWN: said}
    return NodeMark(now, not node.unschedulable, overwritten=overwritten)


def drain_patch(
    node: Node, server_id: str, mark: NodeMark, *, taint: bool
) -> Patch:
    """Cordon and mark it."""
    patch = mark_patch(node, mark, server_id)
    patch['metadata']['annotations'] |= dict.fromkeys(mark.overwritten, 'true')
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
        kept = dataclasses.replace(
            mark, back=back, cordoned=False, overwritten={}
        )
        patch = mark_patch(node, kept)
    for key, before in mark.overwritten.items():
        # What says something else by now is somebody else's.
        if node.annotations.get(key) == 'true':
            patch['metadata']['annotations'][key] = before
    if mark.cordoned:
        patch['spec']['unschedulable'] = None
    foreign = _foreign_taints(node)
    if len(foreign) < len(node.taints):
        patch['spec']['taints'] = foreign
    return patch


def mark_patch(
    node: Node, mark: NodeMark, server_id: str | None = None
) -> Patch:
    """Change the mark alone, for the same server unless there is another."""
    return _patch(node, server_id or node.labels[LABEL], mark)


def _patch(node: Node, server_id: str | None, mark: NodeMark | None) -> Patch:
    said = mark and {
        'since': _iso(mark.since),
        'reason': 'The server is live-migrated, because it waits for CPU.',
        'cordoned_by_us': mark.cordoned,
        'budgets': dict(mark.budgets),
        'pods': dict(mark.pods),
        'overwritten': dict(mark.overwritten),
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
    """:raises ValueError: it is no time, or one that we could not write"""
    seconds = datetime.datetime.fromisoformat(iso).timestamp()
    _iso(seconds)
    return seconds
