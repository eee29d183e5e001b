from oslotest import base

from steal_scheduler.decision.disruption_budget import Out, OutRules
from steal_scheduler.model.assignment import KEY, Rule
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Why
from tests.unit.make import NOW, fleet, move, server

K8S = Rule('k8s', all_servers=True)
RULES = OutRules(routes=(K8S, Rule('lb')))


def web(server_id: str, **fields: object) -> Server:
    return server(server_id, role='web', **fields)


def refused(
    *servers: Server,
    moves: tuple[Move, ...] = (),
    rules: OutRules = RULES,
    who: Move | None = None,
) -> Why | None:
    out = Out(fleet(*servers), {m.server_id: m for m in moves}, rules, NOW)
    found = out.refusal(who or move('a', role='web'))
    return found.why if found else None


class TestRole(base.BaseTestCase):
    def test_half_of_it_by_default(self) -> None:
        four = [web(s) for s in 'abcd']
        self.assertIsNone(refused(*four[:3], web('d', status='ERROR')))
        down = web('c', status='SHUTOFF'), web('d', status='ERROR')
        self.assertIs(Why.ROLE_OUT, refused(*four[:2], *down))

    def test_one_at_least(self) -> None:
        self.assertIsNone(refused(web('a')))
        self.assertIsNone(refused(web('a'), web('b')))
        self.assertIs(
            Why.ROLE_OUT, refused(web('a'), web('b', status='SHUTOFF'))
        )

    def test_moves_count_while_they_are_out(self) -> None:
        two = web('a'), web('b')
        for stage in Stage:
            found = refused(*two, moves=(move('b', stage=stage),))
            out = stage is not Stage.VERIFY
            self.assertEqual(out, found is Why.ROLE_OUT, stage)

    def test_a_number(self) -> None:
        rules = OutRules(role_out=2, role_out_percent=None)
        many = [web(s) for s in 'abcdefgh']
        down = web('x', status='ERROR'), web('y', status='ERROR')
        self.assertIsNone(refused(*many, down[0], rules=rules))
        self.assertIs(Why.ROLE_OUT, refused(*many, *down, rules=rules))

    def test_any_number(self) -> None:
        rules = OutRules(role_out_percent=None)
        for others in ((), (web('a'), web('b', status='ERROR'))):
            self.assertIsNone(refused(*others, rules=rules))

    def test_no_role(self) -> None:
        self.assertIsNone(
            refused(server('a'), server('b', status='ERROR'), who=move('a'))
        )

    def test_who_is_admitted_counts(self) -> None:
        out = Out(fleet(web('a'), web('b')), {}, RULES, NOW)
        out.add(move('b', role='web'))
        found = out.refusal(move('a', role='web'))
        self.assertIn('role_out allows 1', found.detail if found else '')


class TestStuck(base.BaseTestCase):
    def stuck(self, **fields: object) -> Move:
        values = {'stage': Stage.UNDO, 'trouble': 'no answer'}
        return move('x', **(values | fields))

    def test_its_orchestrator_gets_no_other(self) -> None:
        for stage in (Stage.UNDO, Stage.REATTACH):
            found = refused(
                server('a'), server('x'), moves=(self.stuck(stage=stage),)
            )
            self.assertIs(Why.STUCK, found)

    def test_without_a_word_after_a_time(self) -> None:
        for age, expected in ((300, None), (301, Why.STUCK)):
            one = self.stuck(trouble='', since=NOW - age)
            found = refused(server('a'), server('x'), moves=(one,))
            self.assertIs(expected, found)

    def test_it_is_back(self) -> None:
        found = refused(
            server('a'), server('x'), moves=(self.stuck(back=True),)
        )
        self.assertIsNone(found)

    def test_a_drain_that_waits_is_no_trouble(self) -> None:
        one = self.stuck(stage=Stage.DRAIN, trouble='')
        self.assertIsNone(refused(server('a'), server('x'), moves=(one,)))

    def test_another_orchestrator(self) -> None:
        elsewhere = server('x', metadata={KEY: 'lb'})
        self.assertIsNone(
            refused(server('a'), elsewhere, moves=(self.stuck(),))
        )

    def test_a_server_that_is_gone_or_lost_its_way(self) -> None:
        self.assertIsNone(refused(server('a'), moves=(self.stuck(),)))
        lost = server('x', metadata={KEY: 'chef'})
        self.assertIsNone(refused(server('a'), lost, moves=(self.stuck(),)))
