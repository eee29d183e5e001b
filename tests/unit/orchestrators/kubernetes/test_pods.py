import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.orchestrators.kubernetes import pods as kube_pods
from steal_scheduler.orchestrators.kubernetes.pods import Pod
from tests.standins import kubernetes_objects
from tests.unit import strategies

assert strategies  # it registers hypothesis' profile

WEB = Pod.of(kubernetes_objects.pod('web'))
ALL = ('empty_dir', 'unmanaged')
FINISHED = ('Succeeded', 'Failed')
NOW = 1_800_000_000.0
#: It is ending, and has time; it should be gone long ago.
ENDING, OVERDUE = NOW + 30, NOW - 3600


def pods() -> st.SearchStrategy[list[Pod]]:
    one = st.builds(
        Pod,
        namespace=st.just('shop'),
        name=st.uuids().map(str),
        uid=st.uuids().map(str),
        labels=st.just({}),
        phase=st.sampled_from(
            ['Pending', 'Running', 'Unknown', 'Succeeded', 'Failed']
        ),
        ready=st.booleans(),
        controller=st.sampled_from(['', 'ReplicaSet/web-7d', 'Job/batch']),
        daemon=st.just(False),
        tolerant=st.just(False),
        mirror=st.booleans(),
        ends=st.sampled_from([None, None, ENDING]),
        empty_dir=st.booleans(),
    )
    agent = one.map(
        lambda pod: dataclasses.replace(
            pod, controller='DaemonSet/agent', daemon=True, tolerant=True
        )
    )
    return st.lists(one | agent, max_size=8)


def allowances() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(ALL), unique=True)


def divide(
    pods: list[Pod], allowed: Any = (), seen: Any = None
) -> kube_pods.Division:
    return kube_pods.divide(pods, allowed, seen or {}, NOW)


def kubectl(pod: Pod) -> bool | None:
    """Whether it goes with --ignore-daemonsets alone; None: it refuses.

    Written from the filters of kubectl 1.36, in their order; all DaemonSets
    exist.
    """
    if pod.daemon and pod.phase not in FINISHED:
        return False
    if pod.mirror:
        return False
    if pod.phase in FINISHED:
        return True
    if pod.empty_dir or not pod.controller:
        return None
    return True


class TestDivide(base.BaseTestCase):
    @given(pods())
    def test_as_kubectl_does(self, pods: list[Pod]) -> None:
        """But for what is ending or finished."""
        pods = [p for p in pods if not p.terminating]
        found = divide(pods)
        verdicts = [kubectl(pod) for pod in pods]
        self.assertIs(None in verdicts, found.obstacles != [])
        went = [
            pod
            for pod, verdict in zip(pods, verdicts, strict=True)
            if verdict and pod.phase not in FINISHED
        ]
        self.assertEqual(went, found.leaving)
        self.assertEqual([], found.staying)

    @given(pods())
    def test_with_all_of_its_flags(self, pods: list[Pod]) -> None:
        found = divide(pods, ALL)
        self.assertEqual([], found.obstacles)
        stay = [
            pod
            for pod in pods
            if pod.mirror
            or pod.daemon
            or (pod.phase in FINISHED and not pod.terminating)
        ]
        leaving = [pod for pod in pods if pod not in stay]
        self.assertEqual(leaving, found.leaving)

    @given(pods(), allowances())
    def test_an_allowance_only_adds(
        self, pods: list[Pod], one: list[str]
    ) -> None:
        less = divide(pods, one)
        for name in ('empty_dir', 'unmanaged'):
            more = divide(pods, [*one, name])
            self.assertLessEqual(
                {p.name for p in less.leaving}, {p.name for p in more.leaving}
            )
            self.assertLessEqual(len(more.obstacles), len(less.obstacles))

    @given(pods(), allowances())
    def test_what_is_ending_is_waited_for(
        self, pods: list[Pod], allowed: list[str]
    ) -> None:
        pods = [
            dataclasses.replace(p, ends=ENDING, mirror=False)
            for p in pods
            if not p.daemon
        ]
        found = divide(pods, allowed)
        self.assertEqual(pods, found.leaving)
        self.assertEqual([], found.obstacles)

    @given(pods(), allowances())
    def test_what_is_overdue_is_not(
        self, pods: list[Pod], allowed: list[str]
    ) -> None:
        """Finalizers that nobody takes away; a kubelet that is gone."""
        pods = [dataclasses.replace(p, ends=OVERDUE) for p in pods]
        found = divide(pods, allowed)
        self.assertEqual(([], []), (found.leaving, found.obstacles))

    @given(pods(), allowances())
    def test_what_tolerates_a_cordon_stays(
        self, pods: list[Pod], allowed: list[str]
    ) -> None:
        """Whatever it is, and whatever it would lose."""
        pods = [dataclasses.replace(p, tolerant=True) for p in pods]
        found = divide(pods, allowed)
        self.assertEqual(([], []), (found.leaving, found.obstacles))

    @given(pods())
    def test_no_pod_and_its_replacement_both_go(self, pods: list[Pod]) -> None:
        """However often it is replaced: each origin goes once."""
        first = divide(pods, ALL)
        seen = kube_pods.origins(first.leaving)
        self.assertEqual(first.leaving, divide(pods, ALL, seen).leaving)
        again = [
            dataclasses.replace(pod, uid=f'{pod.uid}-again')
            for pod in first.leaving
        ]
        second = divide(again, (), seen)
        self.assertEqual(([], []), (second.leaving, second.obstacles))
        self.assertEqual(again, second.staying)

    def test_a_bare_pod_that_is_made_anew(self) -> None:
        bare = dataclasses.replace(WEB, controller='')
        seen = kube_pods.origins([bare])
        anew = dataclasses.replace(bare, uid='u2')
        other = dataclasses.replace(bare, uid='u3', name='other')
        found = divide([anew, other], ALL, seen)
        self.assertEqual(([other], [anew]), (found.leaving, found.staying))

    def test_the_operator_is_told(self) -> None:
        cache = dataclasses.replace(WEB, name='cache', empty_dir=True)
        bare = dataclasses.replace(WEB, name='bare', controller='')
        self.assertEqual(
            [
                'shop/cache: what they keep in an emptyDir would be lost '
                '(empty_dir = evict allows it)',
                'shop/bare: nobody would start them again (unmanaged = evict '
                'allows it)',
            ],
            divide([cache, bare, WEB]).obstacles,
        )

    def test_many_are_counted(self) -> None:
        many = [dataclasses.replace(WEB, name=f'w{n}') for n in range(6)]
        self.assertEqual(
            '6 pods left: shop/w0, shop/w1, shop/w2, shop/w3, 2 more',
            kube_pods.counted(many, 'left'),
        )
        self.assertEqual('1 pod: shop/w0', kube_pods.counted(many[:1]))
        self.assertNotIn('more', kube_pods.counted(many[:4]))


class TestPod(base.BaseTestCase):
    def pod(self, **other: Any) -> Pod:
        return Pod.of(kubernetes_objects.pod('web', **other))

    def test_controller(self) -> None:
        self.assertEqual('ReplicaSet/owner', self.pod().controller)
        self.assertEqual('shop/ReplicaSet/owner', self.pod().origin)
        self.assertFalse(self.pod().daemon)
        self.assertTrue(self.pod(kind='DaemonSet').daemon)

    def test_an_owner_that_does_not_control(self) -> None:
        owner = {'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'a'}
        found = self.pod(metadata={'ownerReferences': [owner]})
        self.assertEqual('', found.controller)
        self.assertEqual('shop/Pod/web', found.origin)

    def test_daemon_sets_of_others(self) -> None:
        """They are no DaemonSets to kubectl either."""
        owner = {
            'apiVersion': 'apps.kruise.io/v1alpha1',
            'kind': 'DaemonSet',
            'name': 'a',
            'controller': True,
        }
        found = self.pod(metadata={'ownerReferences': [owner]})
        self.assertFalse(found.daemon)
        self.assertEqual('DaemonSet/a', found.controller)

    def test_what_it_is(self) -> None:
        mirror = {'annotations': {'kubernetes.io/config.mirror': 'x'}}
        self.assertTrue(self.pod(metadata=mirror).mirror)
        ending = {'deletionTimestamp': '2026-11-22T15:00:00Z'}
        self.assertTrue(self.pod(metadata=ending).terminating)
        self.assertEqual(1795359600.0, self.pod(metadata=ending).ends)
        self.assertFalse(self.pod().terminating)
        volumes = [{'configMap': {}}, {'emptyDir': {}}]
        self.assertTrue(self.pod(spec={'volumes': volumes}).empty_dir)
        self.assertFalse(self.pod(spec={'volumes': volumes[:1]}).empty_dir)

    def test_what_has_finished_stays(self) -> None:
        for phase in ('Pending', 'Running', 'Unknown', *FINISHED):
            found = divide([self.pod(phase=phase)], ALL)
            self.assertEqual(phase in FINISHED, not found.leaving)

    def test_ready(self) -> None:
        for status in ('True', 'False', 'Unknown'):
            conditions = [
                {'type': 'PodScheduled', 'status': 'True'},
                {'type': 'Ready', 'status': status},
            ]
            found = self.pod(conditions=conditions)
            self.assertIs(status == 'True', found.ready)

    def test_what_tolerates_a_cordon(self) -> None:
        """A key or an effect that is not named stands for all of them."""
        key = {'key': 'node.kubernetes.io/unschedulable'}
        other = {'key': 'CriticalAddonsOnly', 'operator': 'Exists'}
        for tolerant, *said in (
            (True, {'operator': 'Exists'}),
            (True, other, {'operator': 'Exists', 'effect': 'NoSchedule'}),
            (True, {**key, 'operator': 'Exists'}),
            (True, {**key, 'operator': 'Exists', 'effect': 'NoSchedule'}),
            # Its taint has no value.
            (True, {**key, 'operator': 'Equal', 'value': ''}),
            (True, key),
            (False, {**key, 'value': 'x'}),
            (False, {**key, 'operator': 'Gt', 'value': '1'}),
            (False, {'operator': 'Exists', 'effect': 'NoExecute'}),
            (False, {**key, 'operator': 'Exists', 'effect': 'NoExecute'}),
            (False, other),
            (False,),
        ):
            found = self.pod(spec={'tolerations': said})
            self.assertIs(tolerant, found.tolerant, said)
        self.assertTrue(self.pod(kind='DaemonSet').tolerant)
