"""Both verbs against the stand-in."""

from typing import Any

from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.octavia.members import MOST_DRAINED
from tests.standins.app import Answer as HttpAnswer
from tests.standins.app import Request
from tests.standins.octavia import fault
from tests.unit.orchestrators.octavia.rig import ME, OTHER, OctaviaTestCase

TAG = f'steal-scheduler:{ME}:weight=5:1000000'


class TestOutAndBack(OctaviaTestCase):
    def ask(self, verb: str, **values: Any) -> Answer:
        """As a new process would: nothing is remembered."""
        return getattr(self.octavia(**values), verb)(self.server(), 'node')

    def wait_out(self, **values: Any) -> None:
        self.assertIs(State.WAITING, self.ask('drain', **values).state)
        self.api.take_up()
        self.now += 30
        self.assertEqual(DONE, self.ask('drain', **values))

    def test_out_and_back(self) -> None:
        self.assertEqual(
            Answer(State.WAITING, 'weight of 10.0.0.5 in pool shop set to 0'),
            self.ask('drain'),
        )
        self.assertEqual(0, self.mine['weight'])
        self.assertEqual(['theirs', TAG], self.mine['tags'])
        self.assertEqual(
            Answer(State.WAITING, '10.0.0.5 in pool shop is PENDING_UPDATE'),
            self.ask('drain'),
        )
        self.api.take_up()
        self.now += 18
        self.assertEqual(
            Answer(
                State.WAITING,
                '12 s more for connections to 10.0.0.5 in pool shop to end',
            ),
            self.ask('drain'),
        )
        self.now += 12
        self.assertEqual(DONE, self.ask('drain'))
        self.assertEqual(DONE, self.ask('reattach'))
        self.assertEqual((5, ['theirs']), self.state(self.mine))
        self.assertEqual(DONE, self.ask('reattach'))
        self.assertEqual(
            [
                {'weight': 0, 'tags': ['theirs', TAG]},
                {'weight': 5, 'tags': ['theirs']},
            ],
            self.api.changes(),
        )

    def state(self, member: dict[str, Any]) -> tuple[int, list[str]]:
        return member['weight'], member['tags']

    def test_two_members_of_one_load_balancer(self) -> None:
        """The second is locked while the first is taken up."""
        second = self.api.add_member(self.pool, '10.0.0.5', weight=7)
        self.assertIs(State.WAITING, self.ask('drain').state)
        self.assertEqual(7, second['weight'])
        self.api.take_up()
        self.assertIs(State.WAITING, self.ask('drain').state)
        self.assertEqual(0, second['weight'])
        self.api.take_up()
        self.now += 30
        self.assertEqual(DONE, self.ask('drain'))
        answer = self.ask('reattach')
        self.assertIs(State.WAITING, answer.state)
        self.assertIn('is immutable', answer.detail)
        self.api.take_up()
        self.assertEqual(DONE, self.ask('reattach'))
        self.assertEqual(5, self.mine['weight'])
        self.assertEqual(7, second['weight'])

    def test_several_pools(self) -> None:
        pool = self.api.add_pool()
        second = self.api.add_member(pool, '203.0.113.9', weight=256)
        self.api.add_member(pool, '10.0.0.6')
        self.wait_out()
        self.assertEqual(0, self.mine['weight'] + second['weight'])
        self.assertEqual(DONE, self.ask('reattach'))
        self.assertEqual(256, second['weight'])

    def test_it_is_no_member(self) -> None:
        self.mine['address'] = '10.0.0.99'
        self.assertEqual(DONE, self.ask('drain'))
        self.assertEqual([], self.api.changes())

    def test_a_member_that_goes_away(self) -> None:
        self.api.before = lambda asked: (
            asked.method == 'PUT' and self.api.members.update({self.pool: []})
        )
        self.assertIs(State.WAITING, self.ask('drain').state)
        self.assertEqual(DONE, self.ask('drain'))
        self.assertEqual(DONE, self.ask('reattach'))

    def test_the_answer_is_lost(self) -> None:
        """It happened all the same: the tag is there to tell."""

        def lose(request: Request) -> HttpAnswer:
            self.api.answer(request)
            return fault(502, 'Bad gateway')

        self.api.instead['PUT *'] = lose
        self.assertRaises(OrchestratorError, self.ask, 'drain')
        self.api.instead.clear()
        self.assertIn('is PENDING_UPDATE', self.ask('drain').detail)
        self.api.take_up()
        self.assertEqual(DONE, self.ask('reattach'))
        self.assertEqual((5, ['theirs']), self.state(self.mine))

    def test_its_address_has_changed(self) -> None:
        self.wait_out()
        server = self.server(addresses=('10.0.0.77',))
        self.assertEqual(DONE, self.octavia().reattach(server, 'node'))
        self.assertEqual(5, self.mine['weight'])

    def test_its_old_address_is_nothing_to_wait_for(self) -> None:
        self.wait_out()
        self.mine['weight'] = 5
        server = self.server(addresses=('10.0.0.77',))
        self.assertEqual(DONE, self.octavia().drain(server, 'node'))
        self.assertEqual(DONE, self.octavia().reattach(server, 'node'))
        self.assertEqual(['theirs'], self.mine['tags'])

    def test_nova_has_forgotten_it(self) -> None:
        self.wait_out()
        self.assertEqual({ME}, self.octavia().detached())
        server = self.server(project_id='', addresses=())
        self.assertEqual(DONE, self.octavia().reattach(server, 'node'))
        self.assertEqual((5, ['theirs']), self.state(self.mine))
        self.assertEqual(frozenset(), self.octavia().detached())

    def test_the_load_balancer_breaks(self) -> None:
        self.ask('drain')
        self.mine['provisioning_status'] = 'ERROR'
        answer = self.ask('drain')
        self.assertIs(State.REFUSED, answer.state)
        self.assertIn('is in provisioning status ERROR', answer.detail)


class TestOthersDoings(OctaviaTestCase):
    def drain(self, **values: Any) -> Answer:
        return self.octavia(**values).drain(self.server(), 'node')

    def reattach(self) -> Answer:
        return self.octavia().reattach(self.server(), 'node')

    def test_out_already(self) -> None:
        for change in ({'weight': 0}, {'admin_state_up': False}):
            self.mine.update({'weight': 5, 'admin_state_up': True} | change)
            self.assertEqual(DONE, self.drain())
            self.assertEqual(DONE, self.reattach())
        self.assertEqual([], self.api.changes())

    def test_somebody_sets_the_weight_meanwhile(self) -> None:
        self.drain()
        self.api.take_up()
        self.mine['weight'] = 8
        answer = self.drain()
        self.assertIs(State.REFUSED, answer.state)
        self.assertIn(
            'somebody set its weight while it was out', answer.detail
        )
        self.assertEqual(DONE, self.reattach())
        self.assertEqual(
            (8, ['theirs']), (self.mine['weight'], self.mine['tags'])
        )

    def test_a_pool_that_is_switched_off(self) -> None:
        self.api.pools[self.pool]['admin_state_up'] = False
        self.assertEqual(DONE, self.drain())
        self.assertEqual([], self.api.changes())

    def test_a_tag_about_another_server(self) -> None:
        """Which had the address before, and was deleted while it was out."""
        tag = f'steal-scheduler:{OTHER}:weight=9:5'
        self.forge(self.mine, tag)
        self.assertEqual(DONE, self.drain())
        self.assertEqual(DONE, self.reattach())
        self.assertEqual(['theirs', tag], self.mine['tags'])
        server = self.server(OTHER, addresses=())
        self.assertEqual(DONE, self.octavia().reattach(server, 'node'))
        self.assertEqual(9, self.mine['weight'])


class TestUndrainable(OctaviaTestCase):
    def assert_refused(self, detail: str, **values: Any) -> None:
        answer = self.octavia(**values).drain(self.server(), 'node')
        self.assertEqual(Answer(State.REFUSED, detail), answer)
        self.assertEqual([], self.api.changes())

    def others_are(self, **values: Any) -> None:
        for member in self.api.members[self.pool][1:]:
            member.update(values)

    LAST = '10.0.0.5 in pool shop: nothing else takes connections there'

    def test_the_last_that_serves(self) -> None:
        well = {'weight': 1, 'admin_state_up': True, 'backup': False}
        for state in (
            {'weight': 0},
            {'admin_state_up': False},
            {'operating_status': 'ERROR'},
            {'backup': True},
            {'address': '203.0.113.9'},
        ):
            self.others_are(**well, operating_status='ONLINE')
            self.others_are(**state)
            self.assert_refused(self.LAST)

    def test_a_backup(self) -> None:
        self.mine['backup'] = True
        self.others_are(backup=True)
        answer = self.octavia().drain(self.server(), 'node')
        self.assertIn('set to 0', answer.detail)

    def test_no_health_monitor(self) -> None:
        self.others_are(operating_status='NO_MONITOR')
        answer = self.octavia().drain(self.server(), 'node')
        self.assertIn('set to 0', answer.detail)

    def test_where_one_pool_refuses_none_is_left(self) -> None:
        pool = self.api.add_pool(name='admin\x1b[31m')
        self.api.add_member(pool, '10.0.0.5')
        self.assert_refused(
            '10.0.0.5 in pool admin?[31m: nothing else takes connections there'
        )

    def test_the_others_are_out_by_our_doing(self) -> None:
        """They come back by themselves: it waits, and stays."""
        other = self.api.members[self.pool][1]
        self.forge(other, f'steal-scheduler:{OTHER}:weight=1:5')
        answer = self.octavia().drain(self.server(), 'node')
        self.assertEqual(
            Answer(
                State.WAITING,
                '10.0.0.5 in pool shop: the other members are drained',
            ),
            answer,
        )
        self.assertEqual([], self.api.changes())

    def test_the_others_fail_while_it_is_out(self) -> None:
        for other_mark in (False, True):
            self.octavia().drain(self.server(), 'node')
            self.api.take_up()
            if other_mark:
                self.forge(
                    self.api.members[self.pool][1],
                    f'steal-scheduler:{OTHER}:weight=1:5',
                )
            self.others_are(operating_status='ERROR')
            answer = self.octavia().drain(self.server(), 'node')
            self.assertEqual(Answer(State.REFUSED, self.LAST), answer)
            self.octavia().reattach(self.server(), 'node')
            self.api.take_up()
            self.others_are(operating_status='ONLINE')

    def test_a_no_counts_for_more_than_a_wait(self) -> None:
        other = self.api.members[self.pool][1]
        self.forge(other, f'steal-scheduler:{OTHER}:weight=1:5')
        pool = self.api.add_pool(name='ovn', lb_algorithm='SOURCE_IP_PORT')
        self.api.add_member(pool, '10.0.0.5')
        self.assert_refused(
            '10.0.0.5 in pool ovn: its algorithm SOURCE_IP_PORT has no weights'
        )

    def test_no_weights(self) -> None:
        self.api.pools[self.pool]['lb_algorithm'] = 'SOURCE_IP_PORT'
        self.assert_refused(
            '10.0.0.5 in pool shop: its algorithm SOURCE_IP_PORT has no '
            'weights'
        )

    def test_no_tags(self) -> None:
        for member in self.api.members[self.pool]:
            del member['tags']
        self.assert_refused(
            '10.0.0.5 in pool shop: Octavia has no tags, its API is under 2.5'
        )


class TestWhose(OctaviaTestCase):
    """Addresses are the same in many projects."""

    def test_another_project(self) -> None:
        server = self.server(project_id='q')
        self.assertEqual(DONE, self.octavia().drain(server, 'node'))
        self.assertEqual([], self.api.changes())

    def test_a_cloud_without_filters(self) -> None:
        pools = {'pools': [*self.api.pools.values()], 'pools_links': None}
        self.api.instead['GET */pools'] = 200, pools
        server = self.server(project_id='q')
        self.assertEqual(DONE, self.octavia().drain(server, 'node'))
        self.assertEqual([], self.api.changes())

    def test_pools_that_are_shared(self) -> None:
        octavia = self.octavia(pools=[self.pool], projects=['q'])
        server = self.server(project_id='q')
        octavia.drain(server, 'node')
        self.assertEqual(0, self.mine['weight'])
        self.assertEqual({ME}, octavia.detached())
        self.api.take_up()
        self.assertEqual(DONE, octavia.reattach(server, 'node'))
        self.assertEqual(5, self.mine['weight'])

    def test_pools_without_projects(self) -> None:
        error = self.assertRaises(ConfigError, self.octavia, pools=[self.pool])
        self.assertIn(f'[lb] pools = {self.pool}: projects is', str(error))

    def test_a_pool_that_there_is_not(self) -> None:
        """It may be a mistake: who is in it must not just move."""
        octavia = self.octavia(pools=[self.pool, '../x'], projects=['q'])
        answer = octavia.drain(self.server(), 'node')
        self.assertEqual(
            Answer(
                State.REFUSED, '[lb] pools = ../x: Octavia has no such pool'
            ),
            answer,
        )
        self.forge(self.mine, TAG)
        self.assertEqual(DONE, octavia.reattach(self.server(), 'node'))
        self.assertEqual(5, self.mine['weight'])


class TestDetached(OctaviaTestCase):
    def id_of(self, number: int) -> str:
        return f'00000000-0000-0000-0000-{number:012}'

    def test_everywhere(self) -> None:
        self.api.page = 2
        for number in range(5):
            pool = self.api.add_pool(project_id=f'p{number}')
            for port in range(3):
                member = self.api.add_member(pool, '10.0.0.1')
                who = self.id_of(3 * number + port)
                self.forge(member, f'steal-scheduler:{who}:weight=1:5')
        expected = {self.id_of(n) for n in range(15)}
        self.assertEqual(expected, self.octavia().detached())
        some = self.octavia(projects=['p1', 'p3']).detached()
        self.assertEqual({self.id_of(n) for n in (3, 4, 5, 9, 10, 11)}, some)

    def test_a_server_of_another_project(self) -> None:
        """Whoever has a pool can write a tag that names it."""
        self.forge(self.mine, TAG)
        theirs = self.api.add_pool(project_id='q', name='q\x1b[2J')
        self.forge(self.api.add_member(theirs, '10.0.0.1'), TAG)
        found = self.octavia().marks({ME: self.server()})
        doubts = {mark.where: mark.doubt for mark in found}
        self.assertEqual(
            {
                f'pool shop ({self.pool})': '',
                f'pool q?[2J ({theirs})': 'a member of pool q?[2J has a tag '
                'of it, and the pool is of project q, the server of p',
            },
            doubts,
        )
        # In pools that are shared it may be anybody's.
        shared = self.octavia(pools=[theirs], projects=['p', 'q'])
        self.assertEqual(
            [''], [m.doubt for m in shared.marks({ME: self.server()})]
        )

    def test_whom_nova_has_forgotten_is_looked_for_where_it_was(self) -> None:
        for _ in range(50):
            self.api.add_pool()
        self.forge(self.mine, TAG)
        octavia = self.octavia()
        octavia.detached()
        self.api.asked.clear()
        gone = self.server(project_id='', addresses=())
        self.assertEqual(DONE, octavia.reattach(gone, 'node'))
        self.assertEqual(5, self.mine['weight'])
        self.assertLess(len(self.api.asked), 5)

    def test_who_forges_many_gets_few_believed(self) -> None:
        self.forge(self.mine, TAG)
        forger = self.api.add_pool(project_id='q')
        for number in range(200):
            member = self.api.add_member(forger, '10.0.0.1')
            who = self.id_of(number)
            self.forge(member, f'steal-scheduler:{who}:weight=1:5')
        found = self.octavia().detached()
        self.assertIn(ME, found)
        self.assertEqual(MOST_DRAINED + 1, len(found))
