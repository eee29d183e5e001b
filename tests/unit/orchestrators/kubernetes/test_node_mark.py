import dataclasses
import json

from oslotest import base

from steal_scheduler.orchestrators.kubernetes import node_mark
from steal_scheduler.orchestrators.kubernetes.node_mark import NodeMark
from steal_scheduler.orchestrators.kubernetes.objects import Node

LABEL, ANNOTATION = 'steal-scheduler/server', 'steal-scheduler/drained'
TAINT = {
    'key': 'steal-scheduler/moving',
    'value': 's',
    'effect': 'NoSchedule',
}
NODE = Node('n', '7', '', '', {'a': 'b'}, {'c': 'd'}, False, (), True)
MARK = NodeMark(1_800_000_000.0, True, {'shop/web': 3})


def marked(mark: NodeMark = MARK, taint: bool = False) -> Node:
    """The node as the API server has it after our patch."""
    patch = node_mark.drain_patch(NODE, 's', mark, taint=taint)
    return dataclasses.replace(
        NODE,
        labels=NODE.labels | patch['metadata']['labels'],
        annotations=NODE.annotations | patch['metadata']['annotations'],
        unschedulable=True,
        taints=tuple(patch['spec'].get('taints', NODE.taints)),
    )


class TestOut(base.BaseTestCase):
    def test_one_patch(self) -> None:
        patch = node_mark.drain_patch(NODE, 's', MARK, taint=False)
        about = patch['metadata']
        self.assertEqual('7', about['resourceVersion'])
        self.assertEqual({LABEL: 's'}, about['labels'])
        self.assertEqual({'unschedulable': True}, patch['spec'])
        self.assertEqual(
            {
                'since': '2027-01-15T08:00:00+00:00',
                'reason': (
                    'The server is live-migrated, because it waits for CPU.'
                ),
                'cordoned_by_us': True,
                'budgets': {'shop/web': 3},
                'back': None,
            },
            json.loads(about['annotations'][ANNOTATION]),
        )

    def test_it_is_read_again(self) -> None:
        for mark in (
            MARK,
            dataclasses.replace(MARK, cordoned=False, budgets={}),
            dataclasses.replace(MARK, back=1_800_000_060.0),
        ):
            node = marked(mark)
            self.assertEqual(mark, node_mark.read(node))
            self.assertEqual('s', node.labels[LABEL])

    def test_not_ours(self) -> None:
        self.assertIsNone(node_mark.read(NODE))

    def test_what_we_did_not_write(self) -> None:
        for text in (
            *('', '{', '[]', '{}', 'null', '3', '"x"'),
            '{"since": 3, "cordoned_by_us": true, "budgets": {}}',
            '{"since": "x", "cordoned_by_us": true, "budgets": {}}',
            '{"since": "2027-01-15T08:00:00+00:00", "budgets": {}}',
            '{"since": "2027-01-15T08:00:00+00:00", "cordoned_by_us": true, '
            '"budgets": []}',
            '{"since": "2027-01-15T08:00:00+00:00", "cordoned_by_us": true, '
            '"budgets": {"a": "x"}}',
        ):
            node = dataclasses.replace(NODE, annotations={ANNOTATION: text})
            self.assertIsNone(node_mark.read(node), text)

    def test_a_taint_beside_others(self) -> None:
        theirs = {'key': 'x', 'effect': 'NoExecute'}
        node = dataclasses.replace(NODE, taints=(theirs, {**TAINT, 'a': '1'}))
        patch = node_mark.drain_patch(node, 's', MARK, taint=True)
        self.assertEqual([theirs, TAINT], patch['spec']['taints'])


class TestBack(base.BaseTestCase):
    def test_one_patch(self) -> None:
        self.assertEqual(
            {
                'metadata': {
                    'resourceVersion': '7',
                    'labels': {LABEL: None},
                    'annotations': {ANNOTATION: None},
                },
                'spec': {'unschedulable': None},
            },
            node_mark.reattach_patch(marked(), MARK, None),
        )

    def test_others_cordon_stays(self) -> None:
        mark = dataclasses.replace(MARK, cordoned=False)
        patch = node_mark.reattach_patch(marked(mark), mark, None)
        self.assertEqual({}, patch['spec'])

    def test_only_our_taint_goes(self) -> None:
        theirs = {'key': 'x', 'effect': 'NoExecute'}
        node = dataclasses.replace(marked(), taints=(theirs, TAINT))
        patch = node_mark.reattach_patch(node, MARK, None)
        self.assertEqual([theirs], patch['spec']['taints'])

    def test_until_it_is_ready(self) -> None:
        patch = node_mark.reattach_patch(
            marked(taint=True), MARK, 1_800_000_060.0
        )
        self.assertEqual({LABEL: 's'}, patch['metadata']['labels'])
        self.assertEqual({'unschedulable': None, 'taints': []}, patch['spec'])
        node = dataclasses.replace(
            NODE, annotations=patch['metadata']['annotations']
        )
        mark = node_mark.read(node)
        # A cordon from here on is somebody else's.
        self.assertEqual(
            dataclasses.replace(MARK, back=1_800_000_060.0, cordoned=False),
            mark,
        )
        self.assertEqual(
            {}, node_mark.reattach_patch(node, mark, None)['spec']
        )
