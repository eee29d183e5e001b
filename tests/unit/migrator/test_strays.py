"""Tags that nobody of us wrote, and tenants who write them by the thousand."""

import concurrent.futures
import re
from collections.abc import Callable
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.migrator.strays import STRAYS_AT_ONCE, TAGS_AT_ONCE
from steal_scheduler.model.assignment import Rule
from steal_scheduler.moves import tags
from steal_scheduler.orchestrators.calls import PATIENCE, Worker
from tests.hostile import HOSTILE, SHOWN
from tests.unit import fakes
from tests.unit.make import server
from tests.unit.rig import Rig

#: Of a server there may be so many, says Nova.
MOST_TAGS = 50
STAGES = ('drain', 'request', 'migrate', 'reattach', 'undo', 'verify')


def forged(stage: str, since: float, mark: int = 0) -> str:
    """What a tenant may write: all but the signature is as it should be."""
    return (
        f'steal:{stage}:{int(since)}:250:{fakes.LEADERSHIP - 60}:{mark:>016}'
    )


class Hanging(Worker):
    """A stand-in for a thread whose calls never end."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        # Nobody waits for it.
        self.took = PATIENCE
        self.asked: list[Callable[[], Any]] = []

    def submit(self, call: Callable[[], Any]) -> Any:
        self.asked.append(call)
        return concurrent.futures.Future()


class StraysTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))

    def flood(
        self, rig: Rig, count: int, each: int = 1, status: str = 'ACTIVE'
    ) -> list[str]:
        """So many servers with so many forged tags each; their ids."""
        ids = [f'forged-{n}' for n in range(count)]
        for n, id_ in enumerate(ids):
            # All are newer than any genuine one.
            forgeries = tuple(
                forged(STAGES[(n + i) % len(STAGES)], rig.now + n, i)
                for i in range(each)
            )
            rig.nova.servers[id_] = server(
                id_, host='b', vcpus=1, status=status, tags=forgeries
            )
        rig.restart()
        return ids


class TestFailover(StraysTest):
    def test_a_genuine_tag_among_thousands(self) -> None:
        """Of 5,000 others each costs one comparison, and nobody a wait."""
        rig = Rig()
        self.flood(rig, 5000)
        rig.nova.change('y', tags=(fakes.tag('y', 'undo', rig.now),))
        rig.orchestrator.out = {'y'}
        rig.orchestrator.lists = False
        compared = self.useFixture(
            fixtures.MockPatchObject(tags, '_signature', wraps=tags._signature)
        ).mock
        rig.tick()
        self.assertEqual(('reattach', 'y'), rig.orchestrator.asked[0])
        self.assertEqual(set(), rig.orchestrator.out)
        self.assertEqual((), rig.nova.servers['y'].tags)
        self.assertEqual(1 + STRAYS_AT_ONCE, len(rig.orchestrator.asked))
        about = [call.args[1] for call in compared.call_args_list]
        self.assertEqual(5000, sum(id_.startswith('forged') for id_ in about))

    def test_none_of_them_is_believed(self) -> None:
        rig = Rig()
        self.flood(rig, 60)
        rig.tick(3, times=60 // STRAYS_AT_ONCE)
        self.assertEqual(([], {}), (rig.tags(), rig.nova.records))
        self.assertEqual(60, len(rig.orchestrator.asked))
        self.assertNotIn('drain', dict(rig.orchestrator.asked))

    def test_one_project_does_not_keep_the_others_waiting(self) -> None:
        rig = Rig()
        self.flood(rig, 100)
        rig.nova.servers['last'] = server(
            'last', project_id='other', tags=(forged('drain', rig.now),)
        )
        rig.tick()
        self.assertEqual((), rig.nova.servers['last'].tags)

    def test_what_is_said_of_them_is_escaped(self) -> None:
        rig = Rig()
        rig.nova.servers['evil'] = server(
            'evil', tags=(f'steal:drain:{HOSTILE}',)
        )
        rig.tick()
        self.assertIn(f'removing steal:drain:{SHOWN}', self.log.output)
        self.flood(rig, 1, each=MOST_TAGS)
        rig.tick()
        self.assertIn('and 45 more.', self.log.output)
        self.assertNotIn('\x1b', self.log.output)


class TestInError(StraysTest):
    """Nova removes no tag of a server in ERROR, and so they stay."""

    def test_they_are_reported_once(self) -> None:
        rig = Rig()
        ids = self.flood(rig, 20, status='ERROR')
        rig.tick(3, times=40)
        said = re.findall(r'(forged-\d+).*: removing', self.log.output)
        self.assertEqual(sorted(ids), sorted(said))

    def test_they_are_asked_back_once(self) -> None:
        """Also where nobody can be asked: perhaps nobody ever had them."""
        for nobody in ([], [Rule('fake', roles={'web'})]):
            rig = Rig()
            ids = self.flood(rig, 20, status='ERROR')
            if nobody:
                asked = {'fake': rig.orchestrator}
                rig.replace(dispatcher=fakes.dispatcher_of(asked, nobody))
            rig.tick(3, times=40)
            self.assertEqual(
                sorted(('reattach', id_) for id_ in ids),
                sorted(rig.orchestrator.asked),
            )
        self.assertNotIn('belongs to no orchestrator', self.log.output)

    def test_others_get_their_turn(self) -> None:
        rig = Rig()
        self.flood(rig, 100, status='ERROR')
        rig.nova.change('z', tags=(forged('migrate', rig.now),))
        rig.tick(3, times=101 // STRAYS_AT_ONCE + 1)
        self.assertEqual((), rig.nova.servers['z'].tags)
        # Whoever comes now comes before those that were looked after.
        rig.nova.change('z', tags=(forged('migrate', rig.now),))
        rig.tick(3)
        self.assertEqual((), rig.nova.servers['z'].tags)


class TestTheirCost(StraysTest):
    """Each look, whatever there is, and whatever it costs to ask."""

    def test_calls_of_nova(self) -> None:
        rig = Rig()
        self.flood(rig, 20, MOST_TAGS)
        for _ in range(5):
            before = len(rig.tags())
            rig.tick(3)
            removed = before - len(rig.tags())
            self.assertGreater(removed, 0)
            self.assertLessEqual(removed, STRAYS_AT_ONCE * TAGS_AT_ONCE)
        rig.tick(3, times=20 * MOST_TAGS)
        self.assertEqual([], rig.tags())

    def test_calls_of_nova_in_a_move(self) -> None:
        """Of a server whose tags are forged anew before each step."""
        rig = Rig()
        rig.overload()
        rig.tick()
        removed = self.useFixture(
            fixtures.MockPatchObject(
                rig.nova, 'remove_tag', wraps=rig.nova.remove_tag
            )
        ).mock
        forgeries = tuple(forged('undo', rig.now, n) for n in range(48))
        while rig.stages():
            mine = [
                t for t in rig.nova.servers['x'].tags if t not in forgeries
            ]
            rig.nova.change('x', tags=(*mine, *forgeries))
            rig.tick(30)
            rig.nova.proceed('completed', 'x')
        self.assertEqual('b', rig.nova.servers['x'].host)
        genuine = [c for c in removed.mock_calls if c.args[1] not in forgeries]
        # One for each stage.
        self.assertEqual(4, len(genuine))
        self.assertEqual(genuine, removed.mock_calls)
        rig.tick(times=MOST_TAGS)
        self.assertEqual([], rig.tags())

    def test_an_orchestrator_that_hangs(self) -> None:
        """What others need of it waits behind one call, not thousands."""
        rig = Rig()
        self.flood(rig, 100)
        made: list[Hanging] = []

        def worker(name: str) -> Hanging:
            made.append(Hanging(name))
            return made[0]

        dispatcher = fakes.dispatcher_of(
            {'fake': rig.orchestrator},
            [Rule('fake', all_servers=True)],
            worker=worker,
        )
        rig.replace(dispatcher=dispatcher)
        rig.tick(3, times=40)
        # The list of those that it has drained, and one of the hundred.
        self.assertEqual(2, len(made[0].asked))
