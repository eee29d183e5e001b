"""A real Kubernetes does what its stand-in does; see ``tests/contract``.

And what only a real one has: grace, namespaces of others, outages, rights.
"""

import time
from concurrent import futures
from typing import Any

import fixtures
import yaml

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.kubernetes import client
from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from tests.contract.kubernetes import ApiContract
from tests.contract.kubernetes_drain import DrainContract, PodsContract
from tests.contract.kubernetes_field import OthersContract, StayingContract
from tests.contract.kubernetes_nodes import NodesContract
from tests.integration.daemons import until
from tests.integration.kubernetes import ACCOUNT, HOME, RBAC
from tests.integration.orchestrators.kubernetes_case import (
    KubernetesTest,
    set_up,
)

setUpModule = set_up()


class TestApi(ApiContract, KubernetesTest):
    pass


class TestDrain(DrainContract, KubernetesTest):
    pass


class TestStaying(StayingContract, KubernetesTest):
    pass


class TestOthers(OthersContract, KubernetesTest):
    pass


class TestNodes(NodesContract, KubernetesTest):
    pass


class TestPods(PodsContract, KubernetesTest):
    def test_grace_period(self) -> None:
        self.pod('bare', 'n0', terminationGracePeriodSeconds=3600)
        plugin = self.plugin(unmanaged='evict', grace_period=1)
        self.assertEqual(DONE, self.drained(plugin))

    def test_several_namespaces(self) -> None:
        """Budgets of the same name, each of its own namespace."""
        other = f'{self.namespace}-other'
        self.cluster.kubectl('create', 'namespace', other)
        self.addCleanup(
            self.cluster.kubectl, 'delete', 'namespace', other, '--wait=false'
        )
        both = {self.namespace, other}
        for namespace in both:
            self.cluster.deploy(
                'web',
                3,
                budget=2,
                namespace=namespace,
                terminationGracePeriodSeconds=1,
            )
        self.assertEqual(both, both & self.namespaces_on('n0'))
        self.assertEqual(DONE, self.drained(self.plugin()))
        self.assertEqual(set(), both & self.namespaces_on('n0'))
        for namespace in both:
            found = self.cluster.get('pdb', 'web', '-n', namespace)['status']
            self.assertGreaterEqual(found['currentHealthy'], 2, namespace)

    def namespaces_on(self, name: str) -> set[str]:
        """Those that have a pod on this node."""
        found = self.cluster.get(
            'pods', '-A', f'--field-selector=spec.nodeName={name}'
        )
        return {pod['metadata']['namespace'] for pod in found['items']}


class TestOutages(KubernetesTest):
    """It does not answer, or more than one asks."""

    def test_it_answers_again(self) -> None:
        self.deploy('web', 3, budget=2)
        shop = self.node_server('n0')
        plugin = self.plugin(timeout=2)
        for begin, end in (
            (self.cluster.pause, self.cluster.resume),
            (self.cluster.stop, self.cluster.start),
        ):
            for verb in (plugin.drain, plugin.reattach):
                begin()
                try:
                    began = time.monotonic()
                    error = self.assertRaises(
                        OrchestratorError, verb, shop, 'n0'
                    )
                    self.assertRaises(OrchestratorError, plugin.detached)
                    # Two calls, one answer each that did not come.
                    self.assertLess(time.monotonic() - began, 30)
                    self.assertIn(f'[prod] {self.cluster.url} ', str(error))
                finally:
                    end()
                self.assertEqual(
                    DONE, self.asked(lambda v=verb: v(shop, 'n0'))
                )
            self.assertFalse(self.is_cordoned('n0'))

    def test_two_migrators(self) -> None:
        """The lock was lost for a moment: all of it may come twice."""
        self.deploy('web', 3, budget=2)
        before = self.node('n0')
        shop = self.node_server('n0')
        plugins = [self.plugin() for _ in range(3)]
        for verb in ('drain', 'reattach'):

            def ask(plugin: Kubernetes, verb: str = verb) -> Answer:
                return self.asked(lambda: getattr(plugin, verb)(shop, 'n0'))

            with futures.ThreadPoolExecutor() as pool:
                answers = list(pool.map(ask, plugins))
            self.assertEqual([DONE] * 3, answers)
            self.assertIs(verb == 'drain', self.is_cordoned('n0'))
        until('the node is as it was', lambda: before == self.node('n0'))


class TestAccess(KubernetesTest):
    """Who we are to the cluster, and what we may do."""

    def with_token_file(self) -> Kubernetes:
        """By the token that the manifest makes, in a file of its own."""

        def token() -> str:
            return str(
                self.cluster.kubectl(
                    *('get', 'secret', ACCOUNT, '-n', HOME),
                    *('-o', 'go-template={{.data.token | base64decode}}'),
                )
            )

        self.token = until('there is a token', token)
        config = yaml.safe_load(self.kubeconfig.read_text())
        config['users'][0]['user'] = {'tokenFile': 'token'}
        path = self.directory() / 'config'
        path.write_text(yaml.safe_dump(config))
        self.token_file = path.with_name('token')
        self.token_file.write_text(f'{self.token}\n')
        return self.plugin(kubeconfig=str(path))

    def test_token_file(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(f'{client.__name__}.FRESH', 0))
        plugin = self.with_token_file()
        self.assertEqual(set(), plugin.detached())
        self.token_file.write_text('expired')
        said = self.trouble(plugin)
        self.assertIn('did not list nodes: 401 Unauthorized', said)
        self.assertNotIn('expired', said)
        self.token_file.unlink()
        self.assertIn('No such file', self.trouble(plugin))
        self.token_file.write_text(self.token)
        self.assertEqual(set(), plugin.detached())

    def test_kubeconfig_is_renewed(self) -> None:
        good = self.kubeconfig.read_text()
        path = self.directory() / 'config'
        token = yaml.safe_load(good)['users'][0]['user']['token']
        path.write_text(good.replace(token, 'expired'))
        plugin = self.plugin(kubeconfig=str(path))
        self.assertIn('401', self.trouble(plugin))
        path.write_text(good)
        self.assertEqual(set(), plugin.detached())

    def test_a_server_that_nobody_vouches_for(self) -> None:
        config = yaml.safe_load(self.kubeconfig.read_text())
        cluster = config['clusters'][0]['cluster']
        del cluster['certificate-authority-data']
        path = self.directory() / 'config'
        path.write_text(yaml.safe_dump(config))
        plugin = self.plugin(kubeconfig=str(path))
        said = self.trouble(plugin)
        self.assertIn('CERTIFICATE_VERIFY_FAILED', said)
        self.assertIn('Set certificate-authority', said)
        cluster['insecure-skip-tls-verify'] = True
        path.write_text(yaml.safe_dump(config))
        self.assertEqual(set(), plugin.detached())

    def test_no_right_is_too_many(self) -> None:
        """Without any one of them a drain, or the way back, fails."""
        role = next(
            part
            for part in yaml.safe_load(RBAC.read_text())['items']
            if part['kind'] == 'ClusterRole'
        )
        self.addCleanup(self.cluster.apply, RBAC.read_text())
        # Its pod comes back with the node.
        here = {'nodeSelector': {'kubernetes.io/hostname': 'n0'}}
        self.deploy('web', 1, budget=0, **here)
        self.daemon_set('agent')
        plugin, shop = self.plugin(), self.node_server('n0')
        for rule in role['rules']:
            verbs = rule['verbs']
            for verb in verbs:
                # A rule has to have one.
                rule['verbs'] = [v for v in verbs if v != verb] or ['watch']
                self.cluster.apply(role)
                error = until(
                    f'{verb} {rule["resources"]} is missed',
                    lambda: self.missed(plugin, shop),
                )
                self.assertRegex(
                    error, f'cannot {verb} resource "{rule["resources"][0]}"'
                )
                rule['verbs'] = verbs
                self.cluster.apply(role)
                self.asked(lambda: self.patient(plugin.reattach, shop))
                self.cluster.wait_deployed('web', self.namespace)
        self.assertEqual(DONE, self.drained(plugin))

    def missed(self, plugin: Kubernetes, shop: Server) -> str:
        try:
            self.asked(lambda: plugin.drain(shop, 'n0'))
            self.asked(lambda: plugin.reattach(shop, 'n0'))
        except OrchestratorError as error:
            return str(error)
        self.cluster.wait_deployed('web', self.namespace)
        return ''

    def patient(self, verb: Any, shop: Server) -> Answer:
        try:
            return verb(shop, 'n0')
        except OrchestratorError as error:
            return Answer(State.WAITING, str(error))
