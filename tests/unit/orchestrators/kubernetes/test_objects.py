from typing import Any

from oslotest import base

from steal_scheduler.orchestrators.kubernetes import objects
from tests.standins import kubernetes_objects


class TestNode(base.BaseTestCase):
    def test_hardly_anything(self) -> None:
        found = objects.node(
            {'metadata': {'name': 'n', 'resourceVersion': '7'}}
        )
        self.assertEqual(
            objects.Node('n', '7', '', '', {}, {}, False, (), False),
            found,
        )

    def test_ready(self) -> None:
        for status in ('True', 'False', 'Unknown'):
            conditions = [
                {'type': 'MemoryPressure', 'status': 'True'},
                {'type': 'Ready', 'status': status},
            ]
            found = objects.node(
                {
                    'metadata': {'name': 'n', 'resourceVersion': '7'},
                    'status': {'conditions': conditions},
                }
            )
            self.assertIs(status == 'True', found.ready)


class TestPod(base.BaseTestCase):
    def pod(self, **other: Any) -> objects.Pod:
        return objects.pod(kubernetes_objects.pod('web', **other))

    def test_controller(self) -> None:
        self.assertTrue(self.pod().managed)
        self.assertIsNone(self.pod().daemon_set)
        self.assertEqual('owner', self.pod(kind='DaemonSet').daemon_set)

    def test_an_owner_that_does_not_control(self) -> None:
        owner = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'a'}
        found = self.pod(metadata={'ownerReferences': [owner]})
        self.assertFalse(found.managed)

    def test_daemon_sets_of_others(self) -> None:
        """They are no DaemonSets to kubectl either."""
        owner = {
            'apiVersion': 'apps.kruise.io/v1alpha1',
            'kind': 'DaemonSet',
            'name': 'a',
            'controller': True,
        }
        found = self.pod(metadata={'ownerReferences': [owner]})
        self.assertIsNone(found.daemon_set)
        self.assertTrue(found.managed)

    def test_what_it_is(self) -> None:
        mirror = {'annotations': {'kubernetes.io/config.mirror': 'x'}}
        self.assertTrue(self.pod(metadata=mirror).mirror)
        ending = {'deletionTimestamp': '2026-11-22T15:00:00Z'}
        self.assertTrue(self.pod(metadata=ending).terminating)
        volumes = [{'configMap': {}}, {'emptyDir': {}}]
        self.assertTrue(self.pod(spec={'volumes': volumes}).empty_dir)
        self.assertFalse(self.pod(spec={'volumes': volumes[:1]}).empty_dir)
        for phase in ('Pending', 'Running', 'Unknown'):
            self.assertFalse(self.pod(phase=phase).finished)
        for phase in ('Succeeded', 'Failed'):
            self.assertTrue(self.pod(phase=phase).finished)


class TestBudget(base.BaseTestCase):
    def selects(self, selector: Any, namespace: str = 'shop') -> bool:
        said = kubernetes_objects.budget('b', 'x')
        said['metadata']['namespace'] = namespace
        said['spec'] = {'selector': selector}
        found = objects.pod(
            kubernetes_objects.pod(
                'web', metadata={'labels': {'app': 'web', 'tier': '1'}}
            )
        )
        return objects.budget(said).selects(found)

    def term(self, key: str, operator: str, *values: str) -> Any:
        term: Any = {'key': key, 'operator': operator}
        if values:
            term['values'] = list(values)
        return {'matchExpressions': [term]}

    def test_labels(self) -> None:
        self.assertTrue(self.selects({'matchLabels': {'app': 'web'}}))
        self.assertFalse(self.selects({'matchLabels': {'app': 'db'}}))
        both = {'matchLabels': {'app': 'web', 'tier': '2'}}
        self.assertFalse(self.selects(both))
        self.assertFalse(self.selects({'matchLabels': {'x': 'web'}}))

    def test_everything_and_nothing(self) -> None:
        self.assertTrue(self.selects({}))
        self.assertFalse(self.selects(None))
        self.assertFalse(self.selects({}, namespace='other'))

    def test_expressions(self) -> None:
        self.assertTrue(self.selects(self.term('app', 'In', 'web', 'db')))
        self.assertFalse(self.selects(self.term('app', 'In', 'db')))
        self.assertFalse(self.selects(self.term('x', 'In', 'db')))
        self.assertTrue(self.selects(self.term('app', 'NotIn', 'db')))
        self.assertTrue(self.selects(self.term('x', 'NotIn', 'db')))
        self.assertFalse(self.selects(self.term('app', 'NotIn', 'web')))
        self.assertTrue(self.selects(self.term('app', 'Exists')))
        self.assertFalse(self.selects(self.term('x', 'Exists')))
        self.assertTrue(self.selects(self.term('x', 'DoesNotExist')))
        self.assertFalse(self.selects(self.term('app', 'DoesNotExist')))
        both = self.term('app', 'Exists') | {'matchLabels': {'app': 'db'}}
        self.assertFalse(self.selects(both))

    def test_current(self) -> None:
        for generation, seen, current in ((2, 2, True), (2, 1, False)):
            said = kubernetes_objects.budget('b', 'x', observedGeneration=seen)
            said['metadata']['generation'] = generation
            self.assertIs(current, objects.budget(said).current)
