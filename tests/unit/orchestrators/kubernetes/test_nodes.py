import dataclasses
import json

from oslotest import base

from steal_scheduler.orchestrators.kubernetes import nodes
from steal_scheduler.orchestrators.kubernetes.nodes import (
    Node,
    NodeMark,
)
from tests.hostile import HOSTILE, SHOWN

SCALE_DOWN = 'cluster-autoscaler.kubernetes.io/scale-down-disabled'
LABEL, ANNOTATION = 'steal-scheduler/server', 'steal-scheduler/drained'
TAINT = {
    'key': 'steal-scheduler/moving',
    'value': 's',
    'effect': 'NoSchedule',
}
NODE = Node('n', '7', '', '', {'a': 'b'}, {'c': 'd'}, False, (), True)
MARK = NodeMark(
    1_800_000_000.0,
    True,
    {'shop/web': 3},
    {'u': 'shop/ReplicaSet/web'},
    {SCALE_DOWN: 'false'},
)


class TestNames(base.BaseTestCase):
    def test_names(self) -> None:
        for name in ('n', 'node-1', 'a.b-c.example.org', '9', 'x' * 253):
            self.assertTrue(nodes.is_name(name), name)

    def test_what_would_lead_elsewhere(self) -> None:
        for name in (
            '', '.', '..', 'a/b', '../pods', 'a..b', '.a', 'a.', '-a', 'a-',
            'A', 'a b', 'a%2fb', 'a?b', 'a#b', 'n\n', 'x' * 254,
            '\N{SNOWMAN}',
        ):  # fmt: skip
            self.assertFalse(nodes.is_name(name), name)


class TestNode(base.BaseTestCase):
    def test_hardly_anything(self) -> None:
        found = Node.of({'metadata': {'name': 'n', 'resourceVersion': '7'}})
        self.assertEqual(
            Node('n', '7', '', '', {}, {}, False, (), False),
            found,
        )

    def test_the_cluster_may_be_a_tenant_s(self) -> None:
        said = {'metadata': {'name': HOSTILE, 'resourceVersion': '7'}}
        self.assertEqual(SHOWN, Node.of(said).name)

    def test_ready(self) -> None:
        for status in ('True', 'False', 'Unknown'):
            conditions = [
                {'type': 'MemoryPressure', 'status': 'True'},
                {'type': 'Ready', 'status': status},
            ]
            found = Node.of(
                {
                    'metadata': {'name': 'n', 'resourceVersion': '7'},
                    'status': {'conditions': conditions},
                }
            )
            self.assertIs(status == 'True', found.ready)


def marked(mark: NodeMark = MARK, taint: bool = False) -> Node:
    """The node as the API server has it after our patch."""
    patch = nodes.drain_patch(NODE, 's', mark, taint=taint)
    return dataclasses.replace(
        NODE,
        labels=NODE.labels | patch['metadata']['labels'],
        annotations=NODE.annotations | patch['metadata']['annotations'],
        unschedulable=True,
        taints=tuple(patch['spec'].get('taints', NODE.taints)),
    )


class TestOut(base.BaseTestCase):
    def test_one_patch(self) -> None:
        patch = nodes.drain_patch(NODE, 's', MARK, taint=False)
        about = patch['metadata']
        self.assertEqual('7', about['resourceVersion'])
        self.assertEqual({LABEL: 's'}, about['labels'])
        self.assertEqual('true', about['annotations'][SCALE_DOWN])
        self.assertEqual({'unschedulable': True}, patch['spec'])
        self.assertEqual(
            {
                'since': '2027-01-15T08:00:00+00:00',
                'reason': (
                    'The server is live-migrated, because it waits for CPU.'
                ),
                'cordoned_by_us': True,
                'budgets': {'shop/web': 3},
                'pods': {'u': 'shop/ReplicaSet/web'},
                'overwritten': {SCALE_DOWN: 'false'},
                'back': None,
            },
            json.loads(about['annotations'][ANNOTATION]),
        )

    def test_it_is_read_again(self) -> None:
        for mark in (
            MARK,
            dataclasses.replace(MARK, cordoned=False, budgets={}),
            dataclasses.replace(MARK, pods={}, overwritten={SCALE_DOWN: None}),
            dataclasses.replace(MARK, back=1_800_000_060.0),
        ):
            node = marked(mark)
            self.assertEqual(mark, nodes.read_mark(node))
            self.assertEqual('s', node.labels[LABEL])

    def test_not_ours(self) -> None:
        self.assertIsNone(nodes.read_mark(NODE))

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
            '{"since": "2027-01-15T08:00:00+00:00", "cordoned_by_us": true, '
            '"budgets": {}, "pods": []}',
            '{"since": "0001-01-01T00:00:00+23:59", "cordoned_by_us": true, '
            '"budgets": {}}',
            '[' * 100_000,
            '{"since": ' * 100_000,
            '{"since": ' + '9' * 10_000 + '}',
        ):
            node = dataclasses.replace(NODE, annotations={ANNOTATION: text})
            self.assertIsNone(nodes.read_mark(node), text)

    def test_a_taint_beside_others(self) -> None:
        theirs = {'key': 'x', 'effect': 'NoExecute'}
        node = dataclasses.replace(NODE, taints=(theirs, {**TAINT, 'a': '1'}))
        patch = nodes.drain_patch(node, 's', MARK, taint=True)
        self.assertEqual([theirs, TAINT], patch['spec']['taints'])


class TestScaleDown(base.BaseTestCase):
    def mark(self, said: str | None) -> NodeMark:
        annotations = {} if said is None else {SCALE_DOWN: said}
        return nodes.mark_of(
            dataclasses.replace(NODE, annotations=annotations), 1.8e9
        )

    def test_what_is_put_back(self) -> None:
        self.assertEqual({SCALE_DOWN: None}, self.mark(None).overwritten)
        self.assertEqual({SCALE_DOWN: 'x'}, self.mark('x').overwritten)
        # It says so already: that is somebody's, and stays.
        self.assertEqual({}, self.mark('true').overwritten)

    def test_who_changed_it_meanwhile_has_his_way(self) -> None:
        for said in ('false', None):
            node = marked()
            annotations = {**node.annotations, SCALE_DOWN: said}
            if said is None:
                del annotations[SCALE_DOWN]
            node = dataclasses.replace(node, annotations=annotations)
            patch = nodes.reattach_patch(node, MARK, None)
            self.assertEqual(
                {ANNOTATION: None}, patch['metadata']['annotations']
            )


class TestBack(base.BaseTestCase):
    def test_one_patch(self) -> None:
        self.assertEqual(
            {
                'metadata': {
                    'resourceVersion': '7',
                    'labels': {LABEL: None},
                    'annotations': {ANNOTATION: None, SCALE_DOWN: 'false'},
                },
                'spec': {'unschedulable': None},
            },
            nodes.reattach_patch(marked(), MARK, None),
        )

    def test_others_cordon_stays(self) -> None:
        mark = dataclasses.replace(MARK, cordoned=False)
        patch = nodes.reattach_patch(marked(mark), mark, None)
        self.assertEqual({}, patch['spec'])

    def test_only_our_taint_goes(self) -> None:
        theirs = {'key': 'x', 'effect': 'NoExecute'}
        node = dataclasses.replace(marked(), taints=(theirs, TAINT))
        patch = nodes.reattach_patch(node, MARK, None)
        self.assertEqual([theirs], patch['spec']['taints'])

    def test_until_it_is_ready(self) -> None:
        patch = nodes.reattach_patch(marked(taint=True), MARK, 1_800_000_060.0)
        self.assertEqual({LABEL: 's'}, patch['metadata']['labels'])
        self.assertEqual({'unschedulable': None, 'taints': []}, patch['spec'])
        node = dataclasses.replace(
            NODE, annotations=patch['metadata']['annotations']
        )
        mark = nodes.read_mark(node)
        # A cordon from here on is somebody else's.
        self.assertEqual(
            dataclasses.replace(
                MARK, back=1_800_000_060.0, cordoned=False, overwritten={}
            ),
            mark,
        )
        self.assertEqual('false', node.annotations[SCALE_DOWN])
        self.assertEqual({}, nodes.reattach_patch(node, mark, None)['spec'])
