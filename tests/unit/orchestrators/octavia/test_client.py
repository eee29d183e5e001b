"""Pages, failures and time, against the stand-in."""

import threading
import time

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.octavia.client import AT_ONCE
from tests.shared import PATIENCE
from tests.standins.octavia import fault
from tests.standins.transport import served
from tests.unit.orchestrators.octavia.rig import KEYSTONE, ME, OctaviaTestCase

TAG = f'steal-scheduler:{ME}:weight=5:5'


class TestPages(OctaviaTestCase):
    def test_of_members(self) -> None:
        """The one that serves stands on the last page."""
        for number in range(7):
            self.api.add_member(self.pool, f'10.0.1.{number}', weight=0)
        self.api.members[self.pool].append(self.api.members[self.pool].pop(1))
        self.api.page = 3
        answer = self.octavia().drain(self.server(), 'node')
        self.assertIn('set to 0', answer.detail)

    def test_of_pools(self) -> None:
        for number in range(10):
            self.api.add_pool(project_id='p' if number % 2 else 'q')
        self.forge(self.mine, TAG)
        for page in (1, 2, 3, 5, 6, 11, 1000):
            self.api.page = page
            self.assertEqual({ME}, self.octavia().detached(), page)

    def test_the_filter_stays(self) -> None:
        """The link of a page does not repeat it."""
        for _ in range(4):
            self.api.add_pool()
        self.api.page = 2
        self.octavia().drain(self.server(), 'node')
        pages = [r for r in self.api.asked if r.path.endswith('/pools')]
        self.assertEqual(3, len(pages))
        for page in pages:
            self.assertEqual('p', page.query['project_id'])

    def test_a_page_without_end(self) -> None:
        """As of a cloud that has no limit: a link, and nothing behind it."""
        empty = {'pools': [], 'pools_links': [{'rel': 'next', 'href': '?'}]}
        self.api.instead['*'] = 200, empty
        self.assertEqual(frozenset(), self.octavia().detached())

    def test_a_pool_is_deleted_meanwhile(self) -> None:
        gone = self.api.add_pool()
        self.api.before = lambda asked: (
            asked.path.endswith('/members') and self.api.pools.pop(gone, None)
        )
        answer = self.octavia().drain(self.server(), 'node')
        self.assertIn('set to 0', answer.detail)


class TestFailures(OctaviaTestCase):
    def fail(self, status: int, method: str = 'GET', text: str = 'no') -> None:
        self.api.instead[f'{method} *'] = fault(status, text)

    def error(self, verb: str = 'drain', **values) -> str:
        octavia = self.octavia(**values)
        arguments = () if verb == 'detached' else (self.server(), 'node')
        return str(
            self.assertRaises(
                OrchestratorError, getattr(octavia, verb), *arguments
            )
        )

    def test_it_is_down(self) -> None:
        self.keystone.catalog['load-balancer'] = 'http://192.0.2.9:1'
        for verb in ('drain', 'reattach', 'detached'):
            said = self.error(verb)
            self.assertIn('Octavia did not answer GET pools: ', said)

    def test_it_fails(self) -> None:
        for status in (400, 429, 500, 503):
            self.fail(status)
            for verb in ('drain', 'reattach', 'detached'):
                said = self.error(verb)
                self.assertIn(f'Octavia failed: GET pools: {status} no', said)

    def test_there_is_no_list_of_pools(self) -> None:
        """It must not count as a list of none."""
        for values in ({}, {'projects': ['p']}):
            self.fail(404)
            for verb in ('drain', 'reattach', 'detached'):
                said = self.error(verb, **values)
                self.assertIn('Octavia failed: GET pools: 404 no', said)

    def test_it_fails_a_change(self) -> None:
        for status in (429, 500, 504):
            self.fail(status, 'PUT')
            self.assertIn(f': {status} no', self.error())

    def test_it_answers_nonsense(self) -> None:
        for said in (b'<html>', b'[]', b'{}', b'{"pools": {}}', b'\xff'):
            self.api.instead['*'] = 200, said
            self.assertIn('What answers is not Octavia', self.error())

    def test_lists_that_make_no_sense(self) -> None:
        for links in ('x', [None], 7):
            said = {'pools': [], 'pools_links': links}
            self.api.instead['*'] = 200, said
            self.assertIn('pools of Octavia makes no sense', self.error())
        links = [{'rel': 'next'}]
        self.api.instead['*'] = 200, {'pools': [{}], 'pools_links': links}
        self.assertIn('pools of Octavia makes no sense', self.error())

    def test_keystone_answers_nonsense(self) -> None:
        header = {'X-Subject-Token': 'x'}
        for token in ({}, {'expires_at': 7}, []):
            said = 201, {'token': token}, header
            self.keystone.instead['POST */tokens'] = said
            error = self.error()
            self.assertIn('auth_section = keystone: what answers as', error)
            self.assertIn('Check auth_url', error)

    def test_it_redirects(self) -> None:
        """The token goes nowhere else."""
        self.api.instead['*'] = 302, {}, {'Location': KEYSTONE}
        self.assertIn('GET pools: 302', self.error())

    def test_values_that_make_no_sense(self) -> None:
        for values in (
            {'address': 'shop.example.org'},
            {'weight': 'much'},
            {'tags': 7},
            {'address': None},
        ):
            self.mine.update({'address': '10.0.0.5', 'weight': 1, 'tags': []})
            self.mine.update(values)
            error = self.error()
            self.assertIn('a member that Octavia lists makes no', error)
        self.api.pools[self.pool].pop('lb_algorithm')
        error = self.error()
        self.assertIn('a pool that Octavia lists makes no sense', error)

    def test_no_right_to_read(self) -> None:
        """What is not seen must not count as nothing."""
        self.api.rights = {'read'}
        said = self.error()
        self.assertIn('GET pools: 403 Policy does not allow', said)
        self.assertIn('Give this right to the user of [keystone]', said)

    def test_no_right_to_write(self) -> None:
        self.api.rights = {'read', 'read-global'}
        answer = self.octavia().drain(self.server(), 'node')
        self.assertIs(State.REFUSED, answer.state)
        self.assertIn('403 Policy does not allow', answer.detail)
        self.assertIn(
            'Give this right to the user of [keystone]', answer.detail
        )
        self.forge(self.mine, TAG)
        answer = self.octavia().reattach(self.server(), 'node')
        self.assertIs(State.REFUSED, answer.state)

    def test_the_load_balancer_is_busy(self) -> None:
        balancer = self.api.pools[self.pool]['loadbalancers'][0]['id']
        self.api.locked.add(balancer)
        said = (
            f'10.0.0.5 in pool shop: Load Balancer {balancer} is immutable '
            'and cannot be updated.'
        )
        waiting = Answer(State.WAITING, said)
        octavia = self.octavia()
        self.assertEqual(waiting, octavia.drain(self.server(), 'node'))
        self.assertEqual(5, self.mine['weight'])
        self.forge(self.mine, TAG)
        self.assertEqual(waiting, octavia.reattach(self.server(), 'node'))
        self.api.take_up()
        self.assertEqual(DONE, octavia.reattach(self.server(), 'node'))

    def test_what_it_says_is_one_printable_line(self) -> None:
        self.fail(500, text='a\x1b]0;x\x07\n  b' + 'c' * 5000)
        said = self.error()
        self.assertIn('500 a?]0;x? bccc', said)
        self.assertLess(len(said), 400)


class TestTime(OctaviaTestCase):
    def setUp(self) -> None:
        super().setUp()
        url = self.enterContext(served(self.api)).url
        self.keystone.catalog['load-balancer'] = url

    def test_it_hangs(self) -> None:
        hold = threading.Event()
        self.addCleanup(hold.set)
        self.api.before = lambda asked: hold.wait(600)
        octavia = self.octavia(timeout=1)
        begun = time.monotonic()
        self.assertRaises(
            OrchestratorError, octavia.drain, self.server(), 'node'
        )
        self.assertLess(time.monotonic() - begun, PATIENCE)

    def test_the_time_is_for_all_requests_together(self) -> None:
        """Each is quick enough, and there are too many of them."""
        for _ in range(AT_ONCE * 40):
            self.api.add_pool()
        slow = threading.Event()
        self.api.before = lambda asked: slow.wait(0.2)
        octavia = self.octavia(timeout=1)
        error = self.assertRaises(OrchestratorError, octavia.detached)
        # One that was under way for each at once, and no more.
        self.assertLess(len(self.api.asked), AT_ONCE * 30)
        self.assertIn('more than [lb] timeout = 1 s', str(error))
