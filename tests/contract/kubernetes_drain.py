"""What our plug-in does with a cluster; see ``kubernetes.py``."""

import itertools
from typing import Any
from unittest import mock

from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.kubernetes.client import KubernetesClient
from tests.contract.kubernetes import (
    ANNOTATION,
    LABEL,
    UUIDS,
    KubernetesContract,
)


class DrainContract(KubernetesContract):
    """Out and back."""

    def assert_as_it_was(self: Any, before: Any) -> None:
        self.until(lambda: before == self.node(), 'the node is as it was')

    def test_nobody_notices(self: Any) -> None:
        before = self.node()
        self.deploy('web', 3, budget=2)
        self.assertEqual(1, len(self.names()))
        plugin, shop = self.plugin(), self.node_server()
        self.assertEqual(DONE, self.drained(plugin))
        self.assertEqual(DONE, plugin.drain(shop, 'n0'))
        self.assertTrue(self.is_cordoned())
        self.assertEqual(set(), self.names())
        self.until(
            lambda: len(self.names('n1') | self.names('n2')) == 3,
            'its pods are elsewhere',
        )
        # Another process knows as much.
        self.assertEqual({UUIDS['n0']}, self.plugin().detached())
        self.assertEqual(DONE, self.plugin().reattach(shop, 'gone'))
        self.assertEqual(DONE, self.plugin().reattach(shop, 'gone'))
        self.assertEqual(set(), plugin.detached())
        self.assert_as_it_was(before)

    def test_nothing_to_put_back(self: Any) -> None:
        before = self.node()
        answer = self.plugin().reattach(self.node_server(), 'x')
        self.assertEqual(DONE, answer)
        self.assertEqual(before, self.node())

    def test_others_cordon_stays(self: Any) -> None:
        self.cordon()
        plugin = self.plugin()
        self.assertEqual(DONE, self.drained(plugin))
        self.assertEqual({UUIDS['n0']}, plugin.detached())
        self.assertEqual(DONE, plugin.reattach(self.node_server(), 'n0'))
        self.assertTrue(self.is_cordoned())
        self.assertEqual(set(), plugin.detached())

    def test_what_others_write_stays(self: Any) -> None:
        theirs = {'key': 'x/a', 'value': '1', 'effect': 'PreferNoSchedule'}
        self.annotate(x__a='1')
        self.change({'spec': {'taints': [theirs]}})
        self.addCleanup(self.annotate, x__a=None, x__b=None)
        self.addCleanup(self.change, {'spec': {'taints': None}})
        before = self.node()
        plugin = self.plugin(mode='soft')
        self.assertEqual(DONE, self.drained(plugin))
        self.annotate(x__b='2')
        self.assertEqual(DONE, plugin.reattach(self.node_server(), 'n0'))
        before['annotations']['x/b'] = '2'
        self.assert_as_it_was(before)

    def test_somebody_uncordons_it(self: Any) -> None:
        before = self.node()
        plugin = self.plugin()
        self.assertEqual(DONE, self.drained(plugin))
        self.cordon(on=False)
        detail = self.refused(plugin.drain(self.node_server(), 'n0'))
        self.assertEqual('somebody uncordoned node n0', detail)
        self.assertEqual(DONE, plugin.reattach(self.node_server(), 'n0'))
        self.assert_as_it_was(before)

    def test_the_annotation_is_lost(self: Any) -> None:
        """Then nobody knows whose cordon it is: a person has to."""
        plugin, shop = self.plugin(), self.node_server()
        self.assertEqual(DONE, self.drained(plugin))
        self.change({'metadata': {'annotations': {ANNOTATION: None}}})
        self.assertIn('has lost', self.refused(plugin.drain(shop, 'n0')))
        detail = self.refused(plugin.reattach(shop, 'n0'))
        self.assertIn(f'kubectl label node n0 {LABEL}-', detail)
        self.assertTrue(self.is_cordoned())

    def test_soft(self: Any) -> None:
        self.pod('db', 'n0', volumes=[{'name': 'a', 'emptyDir': {}}])
        before = self.node()
        plugin, shop = self.plugin(mode='soft'), self.node_server()
        self.assertEqual(DONE, plugin.drain(shop, 'n0'))
        self.assertEqual(DONE, plugin.drain(shop, 'n0'))
        spec = self.node()['spec']
        self.assertTrue(spec['unschedulable'])
        ours = {
            'key': 'steal-scheduler/moving',
            'value': UUIDS['n0'],
            'effect': 'NoSchedule',
        }
        self.assertIn(ours, spec['taints'])
        self.assertEqual({'db'}, self.names())
        self.assertEqual(DONE, plugin.reattach(shop, 'n0'))
        self.assert_as_it_was(before)

    def test_one_at_a_time(self: Any) -> None:
        plugin = self.plugin()
        self.assertEqual(DONE, self.drained(plugin))
        before = self.node('n1')
        answer = plugin.drain(self.node_server('n1'), 'n1')
        self.assertEqual(
            'drained already: n0; [prod] max_drained = 1', self.waiting(answer)
        )
        self.assertEqual(before, self.node('n1'))
        self.assertEqual(DONE, plugin.drain(self.node_server(), 'n0'))
        self.assertEqual(DONE, plugin.reattach(self.node_server(), 'n0'))
        self.assertEqual(DONE, self.drained(plugin, 'n1'))

    def test_the_node_changes_all_the_time(self: Any) -> None:
        plugin, shop = self.plugin(), self.node_server()
        read = KubernetesClient.node
        counts = itertools.count()

        def disturbed(client: KubernetesClient, name: str) -> Any:
            found = read(client, name)
            self.annotate(x__n=str(next(counts)))
            return found

        self.addCleanup(self.annotate, x__n=None)
        with mock.patch.object(KubernetesClient, 'node', disturbed):
            self.assertEqual(
                'node n0 has changed meanwhile',
                self.waiting(plugin.drain(shop, 'n0')),
            )
        self.assertFalse(self.is_cordoned())


class PodsContract(KubernetesContract):
    """What goes, and what holds it."""

    def test_a_budget_forbids(self: Any) -> None:
        """Their replacements find no node, so one has to stay."""
        here = {'nodeSelector': {'kubernetes.io/hostname': 'n0'}}
        self.deploy('web', 2, budget=1, **here)
        there = self.names()
        plugin, shop = self.plugin(), self.node_server()
        held = (
            f', held by PodDisruptionBudget {self.namespace}/web '
            '(needs 1 healthy pods and has 1 currently)'
        )
        self.waits(lambda: plugin.drain(shop, 'n0'), held)
        self.until(lambda: len(self.names()) == 1, 'one is gone')
        self.assertLess(self.names(), there)
        left = f'1 pod left: {self.namespace}/{"".join(self.names())}'
        for _ in range(2):
            answer = plugin.drain(shop, 'n0')
            self.assertEqual(left + held, self.waiting(answer))
        # The deadline passes, and it is undone.
        self.assertEqual(DONE, plugin.reattach(shop, 'n0'))
        self.assertFalse(self.is_cordoned())

    def test_a_budget_that_never_allows_it(self: Any) -> None:
        """Nothing is evicted for nothing."""
        self.deploy('web', 3, budget=2)
        self.deploy('db', 3, budget=3)
        before, there = self.node(), self.names()
        self.assertEqual(2, len(there))
        plugin, shop = self.plugin(), self.node_server()
        self.assertIn(
            f': PodDisruptionBudget {self.namespace}/db wants 3 healthy pods '
            'of 3, and so never allows an eviction',
            self.refused(plugin.drain(shop, 'n0')),
        )
        self.assertEqual(before, self.node())
        self.assertEqual(there, self.names())
        self.add_budget('db', 'db', 2)
        self.until(
            lambda: plugin.drain(shop, 'n0').state is not State.REFUSED,
            'the budget is counted',
        )
        self.assertEqual(DONE, self.drained(plugin))

    def test_two_budgets(self: Any) -> None:
        here = {'nodeSelector': {'kubernetes.io/hostname': 'n0'}}
        self.deploy('web', 2, budget=1, **here)
        plugin, shop = self.plugin(), self.node_server()
        self.waits(lambda: plugin.drain(shop, 'n0'), 'held by')
        self.add_budget('b', 'web', 1)
        detail = self.refused(self.asked(lambda: plugin.drain(shop, 'n0')))
        self.assertIn('more than one PodDisruptionBudget', detail)
        self.assertEqual(DONE, plugin.reattach(shop, 'n0'))
        self.until(lambda: not self.is_cordoned(), 'it is uncordoned')
        detail = self.refused(plugin.drain(shop, 'n0'))
        self.assertIn(f'({self.namespace}/b, {self.namespace}/web)', detail)
        self.assertFalse(self.is_cordoned())

    def test_what_it_waits_for(self: Any) -> None:
        """The replacement finds no node: its budget can do without."""
        here = {'nodeSelector': {'kubernetes.io/hostname': 'n0'}}
        self.deploy('web', 2, budget=0, **here)
        plugin = self.plugin(wait_for='replacements')
        shop = self.node_server()
        name = f'PodDisruptionBudget {self.namespace}/web'
        self.waits(
            lambda: plugin.drain(shop, 'n0'),
            f'{name} has 0 healthy pods of 2',
        )
        for wait_for in ('nothing', 'budgets'):
            plugin = self.plugin(wait_for=wait_for)
            self.assertEqual(DONE, self.drained(plugin))

    def test_daemon_sets(self: Any) -> None:
        self.daemon_set('agent')
        there = self.names()
        self.assertEqual(1, len(there))
        self.assertEqual(DONE, self.drained(self.plugin()))
        self.assertEqual(there, self.names())

    def test_what_is_not_to_be_lost(self: Any) -> None:
        """It forbids the drain before anything is touched."""
        self.deploy('web', 3, budget=2)
        self.pod('bare', 'n0')
        volume = {'name': 'a', 'emptyDir': {'sizeLimit': '1'}}
        self.deploy('cache', 3, volumes=[volume])
        before, there = self.node(), self.names()
        shop = self.node_server()
        for options, text in (
            ({}, 'empty_dir = evict allows it'),
            ({'unmanaged': 'evict'}, 'empty_dir = evict allows it'),
            ({'empty_dir': 'evict'}, f'{self.namespace}/bare: nobody would'),
        ):
            answer = self.plugin(**options).drain(shop, 'n0')
            self.assertIn(text, self.refused(answer))
            self.assertEqual(before, self.node())
            self.assertEqual(there, self.names())
        plugin = self.plugin(empty_dir='evict', unmanaged='evict')
        self.assertEqual(DONE, self.drained(plugin))
        self.assertEqual(set(), self.names())

    def test_a_pod_that_refuses_to_die(self: Any) -> None:
        self.pod('bare', 'n0', finalizers=['example.org/never'])
        plugin, shop = self.plugin(unmanaged='evict'), self.node_server()
        answer = Answer(State.WAITING, f'1 pod left: {self.namespace}/bare')
        self.assertEqual(answer, plugin.drain(shop, 'n0'))
        # Its containers end, and then it is held by the finalizer alone.
        self.until(lambda: self.has_ended('bare'), 'its containers end')
        self.assertEqual(answer, plugin.drain(shop, 'n0'))
        # It is ending already, whatever the policy is by now.
        self.assertEqual(answer, self.plugin().drain(shop, 'n0'))
        self.release('bare')
        self.assertEqual(DONE, self.drained(plugin))

    def path(self: Any, name: str) -> str:
        return f'/api/v1/namespaces/{self.namespace}/pods/{name}'

    def has_ended(self: Any, name: str) -> bool:
        _, found = self.ask('GET', self.path(name))
        return found['status'].get('phase') in ('Failed', 'Succeeded')

    def release(self: Any, name: str) -> None:
        """Take its finalizers away, if there is one of the name."""
        self.ask('PATCH', self.path(name), {'metadata': {'finalizers': None}})

    def test_a_namespace_that_ends(self: Any) -> None:
        """An eviction is forbidden there, and not for want of a right."""
        self.pod('bare', 'n0', finalizers=['example.org/never'])
        self.end_namespace()
        plugin, shop = self.plugin(unmanaged='evict'), self.node_server()
        self.waits(lambda: plugin.drain(shop, 'n0'), '1 pod left')
        self.release('bare')
        self.assertEqual(DONE, self.drained(plugin))
