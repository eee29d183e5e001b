import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.orchestrators.kubernetes import pods as kube_pods
from steal_scheduler.orchestrators.kubernetes.pods import Budget, Pod
from tests.standins import kubernetes_objects
from tests.unit import strategies

assert strategies  # it registers hypothesis' profile

WEB = Pod(
    'shop', 'web', 'u', {'app': 'web'}, 'Running', True, None,
    False, False, False,
)  # fmt: skip
ALL = ('empty_dir', 'unmanaged')
EXIST = frozenset({'shop/agent'})
FINISHED = ('Succeeded', 'Failed')


def pods() -> st.SearchStrategy[list[Pod]]:
    one = st.builds(
        Pod,
        namespace=st.just('shop'),
        name=st.uuids().map(str),
        uid=st.just('u'),
        labels=st.just({}),
        phase=st.sampled_from(
            ['Pending', 'Running', 'Unknown', 'Succeeded', 'Failed']
        ),
        managed=st.booleans(),
        daemon_set=st.sampled_from([None, None, 'agent', 'gone']),
        mirror=st.booleans(),
        terminating=st.booleans(),
        empty_dir=st.booleans(),
    )
    return st.lists(one, max_size=8)


def allowances() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(ALL), unique=True)


def kubectl(pod: Pod) -> bool | None:
    """Whether it goes with --ignore-daemonsets alone; None: it refuses.

    Written from the filters of kubectl 1.36, in their order.
    """
    if pod.daemon_set == 'agent' and pod.phase not in FINISHED:
        return False
    if pod.daemon_set == 'gone' and pod.phase not in FINISHED:
        return None
    if pod.mirror:
        return False
    if pod.phase in FINISHED:
        return True
    if pod.empty_dir or not pod.managed:
        return None
    return True


class TestDivide(base.BaseTestCase):
    @given(pods())
    def test_as_kubectl_does(self, pods: list[Pod]) -> None:
        """But for mirrors of DaemonSets' pods, what is ending or finished."""
        pods = [
            p
            for p in pods
            if not p.terminating and not (p.mirror and p.daemon_set)
        ]
        leaving, obstacles = kube_pods.divide(pods, EXIST, ())
        verdicts = [kubectl(pod) for pod in pods]
        self.assertIs(None in verdicts, obstacles != [])
        went = [
            pod
            for pod, verdict in zip(pods, verdicts, strict=True)
            if verdict and pod.phase not in FINISHED
        ]
        self.assertEqual(went, leaving)

    @given(pods())
    def test_with_all_of_its_flags(self, pods: list[Pod]) -> None:
        found, obstacles = kube_pods.divide(pods, EXIST, ALL)
        self.assertEqual([], obstacles)
        stay = [
            pod
            for pod in pods
            if pod.mirror
            or (pod.phase in FINISHED and not pod.terminating)
            or (pod.daemon_set == 'agent' and pod.phase not in FINISHED)
        ]
        leaving = [pod for pod in pods if pod not in stay]
        self.assertEqual(leaving, found)

    @given(pods(), allowances())
    def test_an_allowance_only_adds(
        self, pods: list[Pod], one: list[str]
    ) -> None:
        less, fewer = kube_pods.divide(pods, EXIST, one)
        for name in ('empty_dir', 'unmanaged'):
            more, obstacles = kube_pods.divide(pods, EXIST, [*one, name])
            self.assertLessEqual(
                {p.name for p in less}, {p.name for p in more}
            )
            self.assertLessEqual(len(obstacles), len(fewer))

    @given(pods(), allowances())
    def test_what_is_ending_is_waited_for(
        self, pods: list[Pod], allowed: list[str]
    ) -> None:
        pods = [
            dataclasses.replace(p, terminating=True, mirror=False)
            for p in pods
            if p.daemon_set != 'agent'
        ]
        found = kube_pods.divide(pods, EXIST, allowed)
        self.assertEqual((pods, []), found)

    def test_the_operator_is_told(self) -> None:
        cache = dataclasses.replace(WEB, name='cache', empty_dir=True)
        bare = dataclasses.replace(WEB, name='bare', managed=False)
        _, obstacles = kube_pods.divide([cache, bare, WEB], EXIST, ())
        self.assertEqual(
            [
                'shop/cache: what they keep in an emptyDir would be lost '
                '(empty_dir = evict allows it)',
                'shop/bare: nobody would start them again (unmanaged = evict '
                'allows it)',
            ],
            obstacles,
        )

    def test_many_are_counted(self) -> None:
        many = [dataclasses.replace(WEB, name=f'w{n}') for n in range(6)]
        self.assertEqual(
            'shop/w0, shop/w1, shop/w2, shop/w3, 2 more',
            kube_pods.named(many),
        )
        self.assertNotIn('more', kube_pods.named(many[:4]))


class TestBudgets(base.BaseTestCase):
    def budget(self, name: str = 'b', **other: int | bool) -> Budget:
        values = {'healthy': 3, 'desired': 2, 'expected': 3, 'current': True}
        selector = {'matchLabels': {'app': 'web'}}
        return Budget('shop', name, selector, **(values | other))

    def test_several(self) -> None:
        two = [self.budget('a'), self.budget('b')]
        self.assertEqual(
            [
                'shop/web has more than one PodDisruptionBudget (shop/a, '
                'shop/b): the eviction API takes one',
            ],
            kube_pods.several([WEB], two),
        )
        self.assertEqual([], kube_pods.several([WEB], two[:1]))
        pending = dataclasses.replace(WEB, phase='Pending')
        ending = dataclasses.replace(WEB, terminating=True)
        self.assertEqual([], kube_pods.several([pending, ending], two))

    def test_a_budget_that_was_broken_before_is_not_waited_for(self) -> None:
        budgets = [self.budget('a'), self.budget('b', healthy=1)]
        self.assertEqual(
            {'shop/a': 3}, kube_pods.healthy_before([WEB], budgets)
        )
        self.assertEqual({}, kube_pods.healthy_before([], budgets))

    def test_well(self) -> None:
        for healthy, well in ((1, False), (2, True), (3, True)):
            said = kube_pods.not_well(self.budget(healthy=healthy), 3, False)
            self.assertIs(well, said == '', said)

    def test_replaced(self) -> None:
        for healthy, expected, well in (
            (2, 3, False),
            (3, 3, True),
            # It was scaled down meanwhile.
            (2, 2, True),
            # But never less than its budget.
            (1, 1, False),
        ):
            budget = self.budget(healthy=healthy, expected=expected)
            said = kube_pods.not_well(budget, 3, True)
            self.assertIs(well, said == '', said)

    def test_it_is_told(self) -> None:
        self.assertEqual(
            'PodDisruptionBudget shop/b has 1 healthy pods of 2',
            kube_pods.not_well(self.budget(healthy=1), 3, False),
        )
        self.assertIn(
            'is being counted',
            kube_pods.not_well(self.budget(current=False), 3, False),
        )


class TestPod(base.BaseTestCase):
    def pod(self, **other: Any) -> Pod:
        return Pod.of(kubernetes_objects.pod('web', **other))

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

    def test_what_has_finished_stays(self) -> None:
        for phase in ('Pending', 'Running', 'Unknown', *FINISHED):
            leaving, _ = kube_pods.divide([self.pod(phase=phase)], (), ALL)
            self.assertEqual(phase in FINISHED, not leaving)


class TestSelects(base.BaseTestCase):
    def selects(self, selector: Any, namespace: str = 'shop') -> bool:
        said = kubernetes_objects.budget('b', 'x')
        said['metadata']['namespace'] = namespace
        said['spec'] = {'selector': selector}
        found = Pod.of(
            kubernetes_objects.pod(
                'web', metadata={'labels': {'app': 'web', 'tier': '1'}}
            )
        )
        return Budget.of(said).selects(found)

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
            self.assertIs(current, Budget.of(said).current)
