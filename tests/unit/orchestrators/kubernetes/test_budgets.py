import dataclasses
from typing import Any

from oslotest import base

from steal_scheduler.edge import sense
from steal_scheduler.orchestrators.kubernetes import budgets
from steal_scheduler.orchestrators.kubernetes.budgets import Budget
from steal_scheduler.orchestrators.kubernetes.pods import Pod
from tests.standins import kubernetes_objects

WEB = Pod.of(kubernetes_objects.pod('web'))


class TestBudgets(base.BaseTestCase):
    def budget(self, name: str = 'b', **other: int | bool) -> Budget:
        values = {'healthy': 3, 'desired': 2, 'expected': 3, 'current': True}
        values['fault'] = ''
        selector = budgets.Selector({'app': 'web'}, ())
        return Budget('shop', name, selector, **(values | other))

    def test_several(self) -> None:
        two = [self.budget('a'), self.budget('b')]
        self.assertEqual(
            [
                'shop/web has more than one PodDisruptionBudget (shop/a, '
                'shop/b): the eviction API takes one',
            ],
            budgets.forbid([WEB], two),
        )
        self.assertEqual([], budgets.forbid([WEB], two[:1]))
        pending = dataclasses.replace(WEB, phase='Pending')
        ending = dataclasses.replace(WEB, ends=1.8e9)
        self.assertEqual([], budgets.forbid([pending, ending], two))

    def test_one_that_never_allows_it(self) -> None:
        """Whoever counts on all of its pods never lets one go."""
        strict = self.budget(desired=3)
        self.assertEqual(
            [
                'shop/web: PodDisruptionBudget shop/b wants 3 healthy pods of '
                '3, and so never allows an eviction',
            ],
            budgets.forbid([WEB], [strict]),
        )
        for pod, budget in (
            # It holds it now, and may let it go when another is healthy.
            (WEB, self.budget(healthy=2)),
            # It has not been counted since it was changed.
            (WEB, self.budget(desired=3, current=False)),
            # Nothing has been counted yet.
            (WEB, self.budget(desired=0, expected=0, healthy=0)),
            # Not ready, pending, or ending already: no budget holds it.
            (dataclasses.replace(WEB, ready=False), strict),
            (dataclasses.replace(WEB, phase='Pending'), strict),
            (dataclasses.replace(WEB, ends=1.8e9), strict),
            (dataclasses.replace(WEB, labels={}), strict),
        ):
            self.assertEqual([], budgets.forbid([pod], [budget]))

    def test_one_that_can_not_be_counted(self) -> None:
        """A share of the pods of whom?"""
        none = self.budget(desired=0, expected=0, healthy=1)
        [said] = budgets.forbid([WEB], [none])
        self.assertIn('shop/web: PodDisruptionBudget shop/b is a share', said)
        condition = {
            'type': 'DisruptionAllowed',
            'status': 'False',
            'reason': 'SyncFailed',
            'message': 'no\nscale',
        }
        made = kubernetes_objects.budget('b', 'web', conditions=[condition])
        unready = dataclasses.replace(WEB, ready=False)
        for pod in (WEB, unready):
            self.assertEqual(
                [
                    'shop/web: PodDisruptionBudget shop/b cannot be counted, '
                    'and so allows no eviction: no scale',
                ],
                budgets.forbid([pod], [Budget.of(made)]),
            )

    def test_a_budget_that_was_broken_before_is_not_waited_for(self) -> None:
        found = [self.budget('a'), self.budget('b', healthy=1)]
        self.assertEqual({'shop/a': 3}, budgets.healthy_before([WEB], found))
        self.assertEqual({}, budgets.healthy_before([], found))

    def test_well(self) -> None:
        for healthy, well in ((1, False), (2, True), (3, True)):
            said = budgets.not_well(self.budget(healthy=healthy), 3, False)
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
            said = budgets.not_well(budget, 3, True)
            self.assertIs(well, said == '', said)

    def test_it_is_told(self) -> None:
        self.assertEqual(
            'PodDisruptionBudget shop/b has 1 healthy pods of 2',
            budgets.not_well(self.budget(healthy=1), 3, False),
        )
        self.assertIn(
            'is being counted',
            budgets.not_well(self.budget(current=False), 3, False),
        )


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

    def test_one_that_makes_no_sense(self) -> None:
        """Where it is read that is told; later nobody would expect it."""
        term = {'key': 'app', 'operator': 'In', 'values': ['web']}
        for selector in (
            'app=web',
            {'matchLabels': 'app=web'},
            {'matchLabels': {'app': 1}},
            {'matchExpressions': 'app'},
            {'matchExpressions': [{'key': 'app'}]},
            {'matchExpressions': [term | {'operator': 'Is'}]},
            {'matchExpressions': [term | {'values': 'web'}]},
            {'matchExpressions': [term | {'values': [1]}]},
            {'matchExpressions': [term | {'key': ['app']}]},
        ):
            said = kubernetes_objects.budget('b', 'x')
            said['spec'] = {'selector': selector}
            self.assertRaises(sense.NONSENSE, Budget.of, said)

    def test_current(self) -> None:
        for generation, seen, current in ((2, 2, True), (2, 1, False)):
            said = kubernetes_objects.budget('b', 'x', observedGeneration=seen)
            said['metadata']['generation'] = generation
            self.assertIs(current, Budget.of(said).current)
