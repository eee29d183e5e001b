"""What others write into an orchestrator holds up no move of ours."""

import dataclasses
import pathlib
import re
from typing import Any
from unittest import mock

import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.migrator import orphans
from steal_scheduler.model.absent import Absent
from steal_scheduler.model.assignment import Rule
from steal_scheduler.orchestrators.base import Mark
from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from tests.samples import sample
from tests.standins.kubernetes import Cluster
from tests.standins.kubernetes_objects import kubeconfig
from tests.standins.transport import mounted
from tests.unit.fakes import FakeOrchestrator, dispatcher_of
from tests.unit.make import NOW, rules, server
from tests.unit.options import configuration
from tests.unit.rig import Rig

LABEL = 'steal-scheduler/server'
URL = 'http://192.0.2.1:6443'


def uuid(number: int) -> str:
    return f'00000000-0000-4000-8000-{number:012}'


class Telling(FakeOrchestrator):
    """Lists what the test says, until it is put back."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Mark] = []

    def marks(self, servers: Any) -> list[Mark]:
        if self.list_trouble is not None:
            raise self.list_trouble
        return [m for m in self.told if m.doubt or m.server_id in self.out]


class OrphansTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.begin()

    def begin(self) -> None:
        self.rig = Rig(rules(polls_contended=1, polls_window=1, slots=1))
        self.told = Telling()
        self.orchestrate({'fake': self.told}, [Rule('fake')])

    def orchestrate(self, each: dict[str, Any], rules: list[Rule]) -> None:
        effects = self.rig.components.effects
        self.rig.replace(
            dispatcher=dispatcher_of(each, rules, in_time=effects.in_time)
        )

    def listed(self, *ids: str, **fields: Any) -> None:
        """From the next tick on: these are listed, and read anew."""
        self.told.told = [Mark(s, f'node {s}', **fields) for s in ids]
        self.told.out = {*ids}
        self.rig.components.dispatcher.listing.forget()

    def moves_begun(self, ticks: int = 120) -> int:
        """Servers that were migrated within an hour or two."""
        rig = self.rig
        rig.overload()
        for _ in range(ticks):
            rig.tick(60)
            for record in list(rig.nova.records.values()):
                if record.status not in ('completed', 'error'):
                    for status in ('running', 'completed'):
                        rig.nova.proceed(status, record.server_id)
        return sum(rig.nova.asked.values())

    def reported(self) -> int:
        return self.log.output.count('Unproven mark of')

    def unproven(self) -> float:
        return sample(self.rig.metrics, 'unproven_marks')


class TestForgedNodes(OrphansTest):
    """Nodes of a cluster that the moving servers have no part in."""

    def begin(self) -> None:
        super().begin()
        self.cluster = Cluster()
        self.enterContext(mounted({URL: self.cluster}))
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'kube')
        insecure = 'insecure-skip-tls-verify: true'
        path.write_text(kubeconfig(URL, 'token: s3cr3t', insecure))
        conf = configuration('k8s', Kubernetes.OPTS, kubeconfig=str(path))
        rule = Rule('k8s', roles=frozenset({'k8s'}))
        self.orchestrate({'k8s': Kubernetes(conf, 'k8s')}, [rule])

    def forge(self, count: int, *, ids: bool) -> None:
        """:param ids: each says also that it is the server of its label"""
        for n in range(count):
            name = f'evil-{n}'
            self.cluster.add_node(name, uuid(n) if ids else uuid(9999))
            about = self.cluster.nodes[name]['metadata']
            about['labels'] = {LABEL: uuid(n)}

    def test_they_hold_up_no_move(self) -> None:
        expected = self.moves_begun()
        self.assertEqual(1, expected)
        for ids in (False, True):
            self.begin()
            self.forge(30, ids=ids)
            self.assertEqual(expected, self.moves_begun())
            self.assertEqual({}, self.rig.stages())
            # Twenty one by one, and how many more there are.
            self.assertEqual(30.0, self.unproven())

    def test_each_is_reported_once(self) -> None:
        self.forge(3, ids=False)
        self.rig.tick(310, times=10)
        self.assertEqual(3, self.reported())
        self.assertIn('node evil-1 is another server', self.log.output)
        self.assertEqual(3.0, self.unproven())
        self.cluster.nodes.clear()
        self.rig.tick(310, times=3)
        self.assertEqual(0.0, self.unproven())

    def test_of_servers_that_nova_does_not_know(self) -> None:
        self.forge(3, ids=True)
        self.rig.tick(310, times=10)
        self.assertEqual(3, self.reported())
        self.assertEqual(3, self.log.output.count(Absent.FOREIGN))


class TestForeign(OrphansTest):
    """A cluster that spans two clouds, with a migrator in each."""

    def test_a_server_of_the_other_cloud_is_left_alone(self) -> None:
        self.listed(uuid(1))
        self.rig.tick(310, times=10)
        self.assertEqual([], self.told.asked)
        self.assertEqual((1, 1.0), (self.reported(), self.unproven()))
        self.assertIn(Absent.FOREIGN, self.log.output)
        self.assertEqual({}, self.rig.stages())

    def test_it_holds_up_no_other(self) -> None:
        self.listed(*(uuid(n) for n in range(100)), 'gone')
        self.rig.nova.deleted = {'gone'}
        self.rig.tick(3, times=25)
        self.assertEqual([('reattach', 'gone')], self.told.asked)

    def test_nova_is_asked_once(self) -> None:
        nova = self.rig.nova
        ask = mock.Mock(wraps=nova.ever_had)
        self.useFixture(fixtures.MockPatchObject(nova, 'ever_had', ask))
        self.listed(uuid(1))
        self.rig.tick(310, times=10)
        ask.assert_called_once_with(uuid(1))

    def test_nova_finds_it_later(self) -> None:
        self.listed('late')
        self.rig.tick(310, times=3)
        self.assertEqual([], self.told.asked)
        self.rig.nova.create(server('late', host='b'))
        self.rig.tick(310, times=6)
        self.assertEqual([('reattach', 'late')], self.told.asked)
        self.assertEqual(0.0, self.unproven())


class TestUnknown(OrphansTest):
    """Ids of servers that Nova has deleted, or so they say."""

    def begin(self) -> None:
        super().begin()
        self.rig.nova.deleted = {'gone', *(uuid(n) for n in range(5000))}

    def test_what_is_no_id_reaches_no_url(self) -> None:
        ids = ('../flavors', 'a?b', 'a/b', '', ' ', 'x' * 65, 'a\nERROR b')
        asked: list[str] = []
        self.rig.nova.server = asked.append  # type: ignore[assignment]
        self.listed(*ids)
        self.rig.tick(310, times=3)
        self.assertEqual(([], []), (asked, self.told.asked))
        self.assertEqual(len(ids), self.reported())
        self.assertNotIn('\nERROR b', self.log.output)

    def test_a_few_calls_in_each_tick(self) -> None:
        self.listed(*(uuid(n) for n in range(5000)))
        self.rig.tick()
        before = len(self.told.asked)
        self.assertLessEqual(before, orphans.AT_ONCE)
        self.rig.tick(3)
        self.assertLessEqual(len(self.told.asked), before + orphans.AT_ONCE)

    def test_those_that_nova_knows_come_first(self) -> None:
        self.listed(*(uuid(n) for n in range(5000)), 'y')
        self.rig.tick()
        self.assertEqual({'y': 'request'}, self.rig.stages())

    def test_who_lists_it_is_asked_and_nobody_else(self) -> None:
        other = Telling()
        self.orchestrate(
            {'fake': self.told, 'other': other}, [Rule('fake'), Rule('other')]
        )
        self.listed('gone')
        self.rig.tick(3, times=3)
        self.assertEqual([('reattach', 'gone')], self.told.asked)
        self.assertEqual([], other.asked)

    def test_who_lists_it_later_is_asked_as_well(self) -> None:
        other = Telling()
        self.orchestrate(
            {'fake': self.told, 'other': other}, [Rule('fake'), Rule('other')]
        )
        other.told, other.out = [Mark('gone')], {'gone'}
        other.list_trouble = OrchestratorError('down')
        self.listed('gone')
        self.rig.tick(3, times=3)
        self.assertEqual(
            ([('reattach', 'gone')], []), (self.told.asked, other.asked)
        )
        other.list_trouble = None
        self.rig.tick(310, times=3)
        self.assertEqual([('reattach', 'gone')], other.asked)
        self.assertEqual(1, len(self.told.asked))

    def test_one_that_cannot_be_put_back_is_asked_for_again(self) -> None:
        self.told.says = ['refused', 'silent', 'refused']
        self.listed('gone')
        self.rig.tick(310, times=6)
        self.assertEqual(4 * [('reattach', 'gone')], self.told.asked)
        self.assertEqual(({}, []), (self.rig.stages(), self.rig.tags()))
        self.assertEqual(1, self.reported())


class TestBackOff(OrphansTest):
    def test_one_that_was_led_back_backs_off_all_the_same(self) -> None:
        """Its drain was refused three times: that is so tomorrow too."""
        rig = self.rig
        for other in 'yz':
            one = rig.nova.servers[other]
            rig.nova.servers[other] = dataclasses.replace(one, locked=True)
        rig.overload()
        self.orchestrate({'fake': self.told}, [Rule('fake', all_servers=True)])
        self.told.says = ['refused', 'done'] * 3
        while self.drains() < 3 and rig.now < NOW + 7200:
            rig.tick()
        rig.tick()
        self.assertEqual({}, rig.stages())
        self.listed('x')
        rig.tick()
        self.assertEqual(['x'], [*rig.stages()])
        rig.tick(times=36)
        self.assertEqual((3, {}), (self.drains(), rig.stages()))
        # 1200 seconds after the last one.
        rig.tick(times=6)
        self.assertEqual(4, self.drains())

    def drains(self) -> int:
        return self.told.asked.count(('drain', 'x'))


class TestBudget(OrphansTest):
    """Servers of whom it is believed, as many as there may be."""

    def begin(self) -> None:
        super().begin()
        for n in range(40):
            self.rig.nova.servers[f'o{n}'] = server(
                f'o{n}', host='b', project_id=f'p{n % 2}'
            )
        self.all = [f'o{n}' for n in range(40)]

    def test_they_hold_up_no_move(self) -> None:
        expected = self.moves_begun()
        self.begin()
        self.told.says = ['refused'] * 100_000
        self.listed(*self.all)
        self.assertEqual(expected, self.moves_begun())
        self.assertEqual(40, len(self.rig.stages()))

    def test_a_few_at_once(self) -> None:
        self.listed(*self.all)
        self.rig.tick()
        self.assertEqual(orphans.AT_ONCE, len(self.rig.stages()))
        self.rig.tick(61, times=40)
        self.assertEqual(set(self.all), {s for _, s in self.told.asked})
        self.assertEqual({}, self.rig.stages())

    def test_those_that_cannot_be_led_back_are_in_nobodys_way(self) -> None:
        self.told.says = ['refused'] * 100_000
        self.listed(*self.all)
        self.rig.tick(61, times=40)
        self.assertEqual(set(self.all), {s for _, s in self.told.asked})
        self.told.says.clear()
        self.rig.tick(301, times=3)
        self.assertEqual({}, self.rig.stages())

    def test_nor_those_that_wait_for_ever(self) -> None:
        """Until a person is called: then the next ones have their turn."""
        self.told.says = ['waiting'] * 100_000
        self.listed(*self.all)
        self.rig.tick(61, times=5)
        self.assertEqual(orphans.AT_ONCE, len(self.rig.stages()))
        self.rig.tick(61, times=55)
        self.assertEqual(set(self.all), {s for _, s in self.told.asked})

    def test_the_turns_go_round_among_projects(self) -> None:
        lone = server('z-lone', host='b', project_id='z')
        self.rig.nova.servers['z-lone'] = lone
        self.listed(*self.all, 'z-lone')
        self.rig.tick()
        self.assertIn('z-lone', self.rig.stages())

    def test_new_moves_hold_up_no_way_back(self) -> None:
        self.rig.overload()
        self.rig.tick()
        # It is the only slot.
        self.assertEqual({'x': 'drain'}, self.rig.stages())
        self.listed('o1')
        self.rig.tick(3)
        self.assertIn('o1', self.rig.stages())

    def test_one_that_nova_migrates_counts(self) -> None:
        """Its tag was removed right before its migrator died."""
        for name in 'xy':
            self.rig.nova.live_migrate(name)
        self.rig.nova.record()
        self.listed('x', 'y')
        self.rig.overload()
        self.rig.tick(times=3)
        self.assertEqual({'x', 'y'}, {*self.rig.stages()})

    def test_who_is_not_taken_back_holds_its_slot_for_a_while(self) -> None:
        """A tenant stops his own agents, for ever."""
        rig = self.rig
        rig.nova.servers.clear()
        for n in range(8):
            rig.nova.servers[f'v{n}'] = server(f'v{n}', vcpus=4)
        rig.source.demand = {f'v{n}': 3.0 for n in range(8)}
        self.orchestrate(
            {'fake': self.told},
            [Rule('fake', name_pattern=re.compile('v0$'))],
        )
        self.told.says = ['done', *(['refused'] * 10_000)]
        begun = [len(rig.nova.asked)]
        for _ in range(40):
            rig.tick(60)
            for record in list(rig.nova.records.values()):
                if record.status not in ('completed', 'error'):
                    for status in ('running', 'completed'):
                        rig.nova.proceed(status, record.server_id)
            begun.append(len(rig.nova.asked))
        stuck = [m for m in rig.migrator.moves.values() if m.trouble]
        self.assertEqual(1, len(stuck))
        # Five minutes after it should have been back the others go on.
        self.assertEqual([1] * 4, begun[4:8])
        self.assertGreater(begun[-1], 2)
