"""Answers as a Kubernetes 1.36 was seen to give them."""

from typing import Any

from oslotest import base

from steal_scheduler.orchestrators.base import DONE, refused, waiting
from steal_scheduler.orchestrators.kubernetes.pods import Pod, explained
from tests.standins import kubernetes_objects

POD = Pod.of(kubernetes_objects.pod('web'))


def said(message: str, reason: str = '', cause: str = '') -> Any:
    causes = [{'reason': reason, 'message': cause}] if reason else []
    return {'message': message, 'details': {'causes': causes}}


class TestExplained(base.BaseTestCase):
    def test_gone(self) -> None:
        for status in (404, 409):
            self.assertIs(DONE, explained(POD, status, said('x')))

    def test_a_budget(self) -> None:
        needs = 'needs 2 healthy pods and has 2 currently'
        found = explained(
            POD,
            429,
            said(
                "Cannot evict pod as it would violate the pod's disruption "
                'budget.',
                'DisruptionBudget',
                f'The disruption budget web-2 {needs}',
            ),
        )
        held = f'held by PodDisruptionBudget shop/web-2 ({needs})'
        self.assertEqual(waiting(held), found)

    def test_too_many_requests(self) -> None:
        found = explained(POD, 429, said('Too many requests,\nplease wait'))
        self.assertEqual(waiting('Too many requests, please wait'), found)
        # Of a proxy, say.
        self.assertNotEqual(DONE, explained(POD, 429, {}))

    def test_two_budgets(self) -> None:
        message = (
            'This pod has more than one PodDisruptionBudget, which the '
            'eviction subresource does not support.'
        )
        found = explained(POD, 500, {'message': message})
        self.assertEqual(refused(f'shop/web: {message}'), found)

    def test_a_namespace_that_ends(self) -> None:
        found = explained(POD, 403, said('x', 'NamespaceTerminating', 'y'))
        self.assertEqual(waiting('namespace shop is being deleted'), found)

    def test_admission_denies_it(self) -> None:
        """By a webhook with any status, or by a policy."""
        for message in (
            'admission webhook "evict.example.org" denied the request: wait',
            'pods "web" is forbidden: ValidatingAdmissionPolicy \'p\' with '
            "binding 'p' denied request: wait",
        ):
            for status in (400, 403, 409, 422, 429, 500):
                found = explained(POD, status, said(message))
                self.assertEqual(waiting(f'shop/web: {message}'), found)

    def test_nothing_about_the_pod(self) -> None:
        for status in (401, 403, 500, 503):
            self.assertIsNone(explained(POD, status, said('etcd is down')))
            self.assertIsNone(explained(POD, status, {'details': None}))
