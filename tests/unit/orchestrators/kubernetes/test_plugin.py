"""What needs a fault, or looks into the stand-in; else ``tests/contract``."""

import json
import pathlib
import re
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.conf import orchestrators
from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.kubernetes import client, nodes
from steal_scheduler.orchestrators.kubernetes import plugin as kubernetes
from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from tests.standins.kubernetes import UUID, Cluster
from tests.standins.kubernetes_objects import budget, kubeconfig, pod
from tests.standins.transport import mounted
from tests.unit.make import server
from tests.unit.options import configuration

ROOT = pathlib.Path(__file__).parents[4]
LABEL = 'steal-scheduler/server'
URL = 'http://192.0.2.1:6443'
OTHER = '9a1f0c5e-0000-4000-8000-0000000000ff'
FUTURE = '9999-01-01T00:00:00+00:00'


class KubernetesTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.cluster = Cluster()
        self.cluster.add_node('n0')
        self.net = {URL: self.cluster}
        self.enterContext(mounted(self.net))
        self.server = server(UUID, name='n0')
        self.directory = self.useFixture(fixtures.TempDir()).path

    def plugin(self, **options: Any) -> Kubernetes:
        path = pathlib.Path(self.directory, 'kubeconfig')
        # It speaks plain HTTP.
        insecure = 'insecure-skip-tls-verify: true'
        path.write_text(kubeconfig(URL, 'token: s3cr3t', insecure))
        options['kubeconfig'] = str(path)
        conf = configuration('prod', Kubernetes.OPTS, **options)
        return Kubernetes(conf, 'prod')

    def drain(self, plugin: Kubernetes, node: str = 'n0') -> Answer:
        return plugin.drain(self.server, node)

    def trouble(self, verb: Any, *args: Any) -> str:
        said = str(self.assertRaises(OrchestratorError, verb, *args))
        self.assertIn(f'[prod] {URL} ', said)
        self.assertNotIn('s3cr3t', said)
        return said


class TestDrain(KubernetesTest):
    def test_step_by_step(self) -> None:
        self.cluster.pods = [pod('web'), pod('db'), pod('x', node='n1')]
        self.cluster.budgets = [budget('web', 'web'), budget('x', 'x')]
        plugin = self.plugin()
        wait = Answer(State.WAITING, '2 pods left: shop/db, shop/web')
        self.assertEqual(wait, self.drain(plugin))
        self.assertEqual(wait, self.drain(plugin))
        self.cluster.end_pods()
        self.cluster.budgets[0]['status']['currentHealthy'] = 1
        self.assertEqual(
            Answer(
                State.WAITING,
                'PodDisruptionBudget shop/web has 1 healthy pods of 2',
            ),
            self.drain(plugin),
        )
        self.cluster.budgets[0]['status']['currentHealthy'] = 2
        # Not one of its own: never mind.
        self.cluster.budgets[1]['status']['currentHealthy'] = 0
        self.assertEqual(DONE, self.drain(plugin))
        self.assertEqual(
            ['x'], [p['metadata']['name'] for p in self.cluster.pods]
        )
        self.assertEqual(DONE, plugin.reattach(self.server, 'n0'))
        self.assertFalse(self.cluster.is_cordoned('n0'))

    def test_an_empty_node_is_looked_at_twice(self) -> None:
        """The scheduler may just have placed a pod there."""
        plugin = self.plugin()
        detail = 'node n0 is cordoned: looking once more'
        self.assertEqual(Answer(State.WAITING, detail), self.drain(plugin))
        self.cluster.pods = [pod('late')]
        self.assertIs(State.WAITING, self.drain(plugin).state)
        self.cluster.end_pods()
        self.assertEqual(DONE, self.drain(plugin))

    def test_the_same_owner_again_and_again(self) -> None:
        """A controller that puts its pods there past the scheduler."""
        self.cluster.pods = [pod('web'), pod('db')]
        plugin, total = self.plugin(), len(self.cluster.pods)
        for look in range(9):
            answer = self.drain(plugin)
            self.cluster.end_pods()
            for n in range(total - len(self.cluster.pods)):
                name = f'web-{look}-{n}'
                again = pod(name, metadata={'uid': name})
                self.cluster.pods.append(again)
        self.assertEqual(DONE, answer)
        self.assertEqual(['shop/db', 'shop/web'], self.cluster.evicted)

    def test_a_late_one_comes_back_too(self) -> None:
        plugin = self.plugin()
        self.drain(plugin)
        for serial in range(5):
            answer = self.drain(plugin)
            self.cluster.end_pods()
            name = f'late-{serial}'
            self.cluster.pods.append(pod(name, metadata={'uid': name}))
        self.assertEqual(DONE, answer)
        self.assertEqual(1, len(self.cluster.evicted))

    def test_a_release_that_did_not_note_pods(self) -> None:
        """It began the drain, and this one goes on with it."""
        self.cluster.pods = [pod('web')]
        self.drain(self.plugin())
        notes = self.cluster.nodes['n0']['metadata']['annotations']
        mark = json.loads(notes[nodes.ANNOTATION])
        del mark['pods'], mark['overwritten']
        notes[nodes.ANNOTATION] = json.dumps(mark)
        self.assertIs(State.WAITING, self.drain(self.plugin()).state)
        self.cluster.end_pods()
        self.cluster.pods = [pod('again', metadata={'uid': 'again'})]
        self.assertEqual(DONE, self.drain(self.plugin()))
        self.assertEqual(DONE, self.plugin().reattach(self.server, 'n0'))
        # It did not annotate it either; this is somebody's.
        self.assertEqual('true', notes[nodes.SCALE_DOWN])

    def test_the_others_go_meanwhile(self) -> None:
        self.cluster.pods = [pod('web'), pod('db')]
        self.cluster.instead['POST */web/eviction'] = 429, {'message': 'no'}
        plugin = self.plugin()
        answer = self.drain(plugin)
        self.assertEqual('2 pods left: shop/db, shop/web, no', answer.detail)
        self.cluster.end_pods()
        answer = self.drain(plugin)
        self.assertEqual('1 pod left: shop/web, no', answer.detail)

    def test_there_is_no_time_for_all(self) -> None:
        self.cluster.pods = [pod(f'web{n}') for n in range(9)]
        plugin = self.plugin()
        self.drain(plugin)
        for each in self.cluster.pods:
            each['metadata'].pop('deletionTimestamp')
        self.useFixture(
            fixtures.MonkeyPatch(
                'steal_scheduler.orchestrators.kubernetes.drain._RESERVE', 1e9
            )
        )
        self.assertIn('9 pods left', self.drain(plugin).detail)
        self.cluster.end_pods()
        self.assertEqual(9, len(self.cluster.pods))

    def test_another_pod_has_its_name_by_now(self) -> None:
        """A StatefulSet's, which runs on another node."""
        self.cluster.pods = [pod('db-0', node='n1', metadata={'uid': 'new'})]
        listed = {'metadata': {}, 'items': [pod('db-0')]}
        self.cluster.instead['GET */pods'] = 200, listed
        self.assertEqual(
            '1 pod left: shop/db-0', self.drain(self.plugin()).detail
        )
        self.cluster.end_pods()
        self.assertEqual(1, len(self.cluster.pods))

    def test_the_node_vanishes_before_it_is_cordoned(self) -> None:
        self.cluster.instead['PATCH */n0'] = 404, {}
        self.assertEqual(
            Answer(State.REFUSED, 'node n0 is gone'),
            self.drain(self.plugin()),
        )

    def test_it_is_marked_for_another_server(self) -> None:
        self.cluster.nodes['n0']['metadata']['labels'] = {LABEL: 'other'}
        answer = self.drain(self.plugin())
        self.assertIs(State.REFUSED, answer.state)
        self.assertIn('marked as that of server other', answer.detail)
        self.assertFalse(self.cluster.is_cordoned('n0'))


class TestReattach(KubernetesTest):
    def test_every_node_with_its_mark(self) -> None:
        plugin = self.plugin()
        self.drain(plugin)
        node = self.cluster.nodes['n0']
        about = {**node['metadata'], 'name': 'n1'}
        self.cluster.nodes['n1'] = {**node, 'metadata': about}
        self.assertEqual(DONE, plugin.reattach(self.server, 'x'))
        self.assertFalse(
            self.cluster.is_cordoned('n0') or self.cluster.is_cordoned('n1')
        )
        self.assertEqual(frozenset(), plugin.detached())

    def test_it_vanishes_meanwhile(self) -> None:
        plugin = self.plugin()
        self.drain(plugin)
        self.cluster.instead['PATCH */n0'] = 404, {}
        self.assertEqual(DONE, plugin.reattach(self.server, 'n0'))

    def test_not_ready(self) -> None:
        plugin = self.plugin()
        self.drain(plugin)
        self.cluster.nodes['n0']['status']['conditions'] = []
        wait = Answer(State.WAITING, 'node n0 is not ready yet')
        self.assertEqual(wait, plugin.reattach(self.server, 'n0'))
        version = self.cluster.nodes['n0']['metadata']['resourceVersion']
        self.assertEqual(wait, plugin.reattach(self.server, 'n0'))
        self.assertFalse(self.cluster.is_cordoned('n0'))
        # It is not written again and again.
        self.assertEqual(
            version, self.cluster.nodes['n0']['metadata']['resourceVersion']
        )
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.useFixture(
            fixtures.MonkeyPatch(f'{kubernetes.__name__}.READY_TIMEOUT', 0)
        )
        self.assertEqual(DONE, plugin.reattach(self.server, 'n0'))
        self.assertEqual(frozenset(), plugin.detached())
        self.assertIn(f'Node n0 of server n0 ({UUID}) is not', log.output)


class TestForged(KubernetesTest):
    """Others can write our label too: a kubelet, on its own node."""

    MARK = (
        '{"since": "2027-01-15T08:00:00+00:00", "cordoned_by_us": true, '
        '"budgets": {}, "back": null}'
    )

    def forge(self, name: str, says: str, mark: str = MARK) -> None:
        """A cordoned node with a mark of this server that is another one."""
        self.cluster.add_node(name, OTHER)
        self.cluster.cordon(name)
        self.cluster.nodes[name]['metadata'] |= {
            'labels': {LABEL: says},
            'annotations': {'steal-scheduler/drained': mark},
        }

    def test_it_is_left_as_it_is(self) -> None:
        self.forge('evil', UUID)
        plugin = self.plugin(max_drained=0)
        self.drain(plugin)
        for each in (plugin, self.plugin()):
            self.assertEqual(DONE, each.reattach(self.server, 'n0'))
        self.assertFalse(self.cluster.is_cordoned('n0'))
        self.assertTrue(self.cluster.is_cordoned('evil'))
        self.assertEqual(
            {LABEL: UUID}, self.cluster.nodes['evil']['metadata']['labels']
        )

    def test_it_is_no_node_that_is_drained(self) -> None:
        """Or one label would stop every move of a cluster."""
        self.forge('evil', UUID)
        self.forge('worse', OTHER, mark='')
        self.forge('worst', OTHER, mark='[' * 100_000)
        plugin = self.plugin(max_drained=1)
        self.assertIn('is cordoned', self.drain(plugin).detail)
        self.assertEqual({UUID, OTHER}, plugin.detached())

    def test_it_is_reported(self) -> None:
        self.forge('evil', UUID)
        self.drain(self.plugin())
        found = {mark.where: mark for mark in self.plugin().marks({})}
        self.assertEqual('', found['node n0'].doubt)
        self.assertEqual(
            'node evil is another server: its provider id is '
            f"'openstack:///{OTHER}', its system UUID ''",
            found['node evil'].doubt,
        )
        self.assertEqual(
            'kubectl label node evil steal-scheduler/server-',
            found['node evil'].command,
        )
        self.assertEqual(2, len(found))

    def test_what_was_marked_here_needs_no_other_proof(self) -> None:
        """Its kubelet says by now that it is somebody else."""
        plugin = self.plugin()
        self.drain(plugin)
        self.cluster.nodes['n0']['spec']['providerID'] = (
            f'openstack:///{OTHER}'
        )
        self.assertEqual([''], [mark.doubt for mark in plugin.marks({})])
        self.assertEqual(DONE, plugin.reattach(self.server, 'n0'))
        self.assertFalse(self.cluster.is_cordoned('n0'))

    def test_ids_that_contradict_each_other(self) -> None:
        self.cluster.nodes['n0']['status']['nodeInfo']['systemUUID'] = OTHER
        for name in ('n0', 'x'):
            answer = self.drain(self.plugin(), name)
            self.assertIs(State.REFUSED, answer.state)
            self.assertIn('node n0 contradicts itself', answer.detail)
        self.assertFalse(self.cluster.is_cordoned('n0'))

    def test_a_time_that_has_not_come(self) -> None:
        """It would be waited for until then."""
        self.forge('n0', UUID, self.MARK.replace('null', f'"{FUTURE}"'))
        self.cluster.nodes['n0']['spec']['providerID'] = f'openstack:///{UUID}'
        self.cluster.nodes['n0']['status']['conditions'] = []
        plugin = self.plugin()
        self.assertEqual(DONE, plugin.reattach(self.server, 'n0'))
        self.assertFalse(self.cluster.is_cordoned('n0'))


class TestTrouble(KubernetesTest):
    def test_an_answer_that_is_none(self) -> None:
        plugin = self.plugin()
        for end, verb in (
            ('/nodes', plugin.detached),
            ('/pods', lambda: self.drain(plugin)),
        ):
            self.cluster.instead = {f'GET *{end}': (503, {})}
            self.assertIn('503', self.trouble(verb))
        about = {'name': 'n0', 'resourceVersion': '1'}
        node = {'metadata': about, 'spec': {'providerID': 7}}
        for said in (
            *({}, [], {'items': []}, {'items': 7, 'metadata': {}}, 'x'),
            {'items': [{}], 'metadata': {}},
            {'items': [node], 'metadata': {}},
        ):
            self.cluster.instead = {'GET */nodes': (200, said)}
            self.assertIn('makes no sense', self.trouble(plugin.detached))
        # One that was not asked for.
        said = {'items': [{'metadata': about}], 'metadata': {}}
        self.cluster.instead = {'GET */nodes': (200, said)}
        self.assertEqual(frozenset(), plugin.detached())
        self.assertEqual(DONE, plugin.reattach(self.server, 'n0'))
        self.cluster.instead = {'PATCH */n0': (500, {'message': 'etcd'})}
        said = self.trouble(self.drain, plugin)
        self.assertIn('did not patch node n0: 500 etcd.', said)
        self.cluster.instead = {}
        self.cluster.pods = [pod('web')]
        self.cluster.instead['POST */eviction'] = 500, {'message': 'hook'}
        said = self.trouble(self.drain, plugin)
        self.assertIn('did not evict shop/web: 500 hook.', said)

    def test_nobody_is_there(self) -> None:
        plugin = self.plugin()
        self.net.clear()
        said = self.trouble(self.drain, plugin)
        self.assertIn('Connection refused', said)

    def test_it_takes_too_long(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(f'{client.__name__}.LOOK', 0))
        said = self.trouble(self.drain, self.plugin())
        self.assertIn('one drain or reattach may take 0 s in all', said)

    def test_somebody_is_faster(self) -> None:
        plugin = self.plugin()
        wait = Answer(State.WAITING, 'node n0 has changed meanwhile')
        self.cluster.instead['PATCH */n0'] = 409, {}
        self.assertEqual(wait, self.drain(plugin))
        self.assertFalse(self.cluster.is_cordoned('n0'))
        self.cluster.instead.clear()
        self.drain(plugin)
        self.cluster.instead['PATCH */n0'] = 409, {}
        self.assertEqual(wait, plugin.reattach(self.server, 'n0'))
        self.assertTrue(self.cluster.is_cordoned('n0'))
        self.cluster.instead.clear()
        self.assertEqual(DONE, plugin.reattach(self.server, 'n0'))

    def test_a_redirect_is_not_followed(self) -> None:
        self.cluster.instead['GET */n0'] = 307, {}
        self.assertIn('307', self.trouble(self.drain, self.plugin()))


class TestFinding(KubernetesTest):
    def asked(self, plugin: Kubernetes, node: str) -> list[str]:
        self.cluster.asked.clear()
        self.assertIsNot(State.REFUSED, self.drain(plugin, node).state)
        return [each for each in self.cluster.calls() if '/nodes' in each]

    def test_all_nodes_are_listed_once(self) -> None:
        nodes = 'GET /api/v1/nodes'
        plugin = self.plugin(max_drained=0)
        self.assertIn(nodes, self.asked(plugin, 'x')[1:2])
        self.assertEqual([f'{nodes}/n0'], self.asked(plugin, 'x'))
        # The hint is gone with the server.
        plugin.reattach(self.server, 'x')
        self.assertEqual(f'{nodes}/x', self.asked(plugin, 'x')[0])

    def test_a_name_that_is_none_is_not_asked_for(self) -> None:
        for name in ('..', 'a/b', ''):
            for asked in self.asked(self.plugin(), name):
                self.assertIn(
                    asked.rpartition(' ')[2],
                    ('/api/v1/nodes', '/api/v1/nodes/n0'),
                )

    def test_a_name_yields_to_an_id(self) -> None:
        self.cluster.add_node('n1')
        self.cluster.nodes['n0']['spec'].clear()
        self.drain(self.plugin())
        self.assertTrue(self.cluster.is_cordoned('n1'))
        self.assertFalse(self.cluster.is_cordoned('n0'))


class TestPage(base.BaseTestCase):
    """doc/source/configuration/kubernetes.rst."""

    def setUp(self) -> None:
        super().setUp()
        page = ROOT / 'doc/source/configuration/kubernetes.rst'
        self.text = page.read_text(encoding='utf-8')

    def test_every_option_is_on_it(self) -> None:
        words = {*re.findall(r'``(\w+)``', self.text)}
        options = {option.name for option in Kubernetes.OPTS}
        self.assertEqual(set(), options - words)

    def test_its_sections_are_right(self) -> None:
        known = {o.name: o for o in (*orchestrators.OPTS, *Kubernetes.OPTS)}
        found = re.findall(
            r'^    \[prod\]\n((?:    \w.*\n)+)', self.text, re.M
        )
        self.assertEqual(1, len(found))
        for section in found:
            for line in section.strip().splitlines():
                name, _, value = line.strip().partition(' = ')
                known[name].type(value)

    def test_the_kubeconfig_file_that_it_shows(self) -> None:
        shown = 'etc/kubernetes/steal-migrator.kubeconfig'
        self.assertIn(shown, self.text)
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        (directory / 'prod.token').write_text('s3cr3t\n')
        (directory / 'prod.ca').write_text('')
        path = directory / 'prod.kubeconfig'
        path.write_text((ROOT / shown).read_text())
        conf = configuration('prod', Kubernetes.OPTS, kubeconfig=str(path))
        ours = client.KubernetesClient(conf.prod, 'prod')
        ours.begin()
        settings = ours.api.configuration
        self.assertEqual('https://10.0.0.10:6443', settings.host)
        self.assertEqual(str(directory / 'prod.ca'), settings.ssl_ca_cert)
        self.assertIn('Bearer s3cr3t', str(settings.auth_settings()))
