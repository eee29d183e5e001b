import dataclasses

from oslotest import base

from steal_scheduler.decision.disruption_budget import Unavailable
from steal_scheduler.decision.rules import MaxUnavailable, Rules
from steal_scheduler.model.assignment import KEY, Rule
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Reason
from tests.unit import make
from tests.unit.make import NOW, fleet, move, server, snapshot

K8S = Rule('k8s', all_servers=True)
RULES = make.rules(assignment=(K8S, Rule('lb')))


def at_most(count: int | None = None, percent: float | None = None) -> Rules:
    return make.rules(max_unavailable=MaxUnavailable(count, percent))


def web(server_id: str, **fields: object) -> Server:
    return server(server_id, role='web', **fields)


def refused(
    *servers: Server,
    moves: tuple[Move, ...] = (),
    rules: Rules = RULES,
    who: Move | None = None,
) -> Reason | None:
    known = fleet(*servers)
    in_flight = [
        dataclasses.replace(
            m, server=known.servers.get(m.server_id) or m.server.deleted()
        )
        for m in moves
    ]
    budget = Unavailable(snapshot(known, *in_flight, rules=rules))
    for reason, _ in budget.nos(who or move('a', role='web')):
        return reason
    return None


class TestRole(base.BaseTestCase):
    def test_a_quarter_of_it_by_default(self) -> None:
        eight = [web(s) for s in 'abcdefgh']
        self.assertIsNone(refused(*eight[:7], web('h', status='ERROR')))
        down = web('g', status='SHUTOFF'), web('h', status='ERROR')
        self.assertIs(Reason.MAX_UNAVAILABLE, refused(*eight[:6], *down))

    def test_another_project_has_a_role_of_its_own(self) -> None:
        mine = [web(s, project_id='p') for s in 'abcdefghij']
        theirs = [
            web(f'x{n}', project_id='q', status='SHUTOFF') for n in range(11)
        ]
        who = move('a', role='web', project_id='p')
        self.assertIsNone(refused(*mine, *theirs, who=who))
        grouped = dataclasses.replace(
            RULES, project_groups={'p': 'shop', 'q': 'shop'}
        )
        self.assertIs(
            Reason.MAX_UNAVAILABLE,
            refused(*mine, *theirs, who=who, rules=grouped),
        )

    def test_one_at_least(self) -> None:
        self.assertIsNone(refused(web('a')))
        self.assertIsNone(refused(web('a'), web('b')))
        self.assertIs(
            Reason.MAX_UNAVAILABLE,
            refused(web('a'), web('b', status='SHUTOFF')),
        )

    def test_moves_count_while_they_are_out(self) -> None:
        two = web('a'), web('b')
        for stage in Stage:
            found = refused(*two, moves=(move('b', stage=stage),))
            out = stage is not Stage.VERIFY
            self.assertEqual(out, found is Reason.MAX_UNAVAILABLE, stage)

    def test_a_number(self) -> None:
        rules = at_most(count=2)
        many = [web(s) for s in 'abcdefgh']
        down = web('x', status='ERROR'), web('y', status='ERROR')
        self.assertIsNone(refused(*many, down[0], rules=rules))
        self.assertIs(
            Reason.MAX_UNAVAILABLE, refused(*many, *down, rules=rules)
        )

    def test_any_number(self) -> None:
        rules = at_most()
        for others in ((), (web('a'), web('b', status='ERROR'))):
            self.assertIsNone(refused(*others, rules=rules))

    def test_no_role(self) -> None:
        self.assertIsNone(
            refused(server('a'), server('b', status='ERROR'), who=move('a'))
        )

    def test_who_is_admitted_counts(self) -> None:
        two = Unavailable(snapshot(fleet(web('a'), web('b')), rules=RULES))
        two.add(move('b', role='web'))
        (found,) = two.nos(move('a', role='web'))
        self.assertIn('max_unavailable allows 1', found[1])


class TestBlocked(base.BaseTestCase):
    def blocked(self, **fields: object) -> Move:
        values = {'stage': Stage.UNDO, 'trouble': 'no answer'}
        return move('x', **(values | fields))

    def test_its_orchestrator_gets_no_other(self) -> None:
        for stage in (Stage.UNDO, Stage.REATTACH):
            found = refused(
                server('a'), server('x'), moves=(self.blocked(stage=stage),)
            )
            self.assertIs(Reason.REATTACH_BLOCKED, found)

    def test_that_of_one_tenant_holds_up_nobody_else(self) -> None:
        """He may stop his own agents."""
        mine, other = server('x', project_id='p'), server('a', project_id='q')
        moves = (self.blocked(),)
        for who, expected in (
            (move('b', server=server('b', project_id='p')), True),
            (move('a', server=other), False),
        ):
            found = refused(mine, other, moves=moves, who=who)
            self.assertEqual(expected, found is Reason.REATTACH_BLOCKED)

    def test_those_of_many_hold_up_all(self) -> None:
        """Of few projects they may all be one tenant's."""
        servers = [server(s, project_id=s) for s in 'abwxyz']
        # Of another orchestrator, so nothing is kept for it here.
        servers.append(server('c', project_id='c', metadata={KEY: 'lb'}))
        moves = [
            move(s, stage=Stage.UNDO, trouble='no answer') for s in 'wxyz'
        ]
        for there, blocked, expected in (
            ('abwxyz', 'wxyz', True),
            ('abwxyz', 'wxy', False),
            # Nobody else is left.
            ('awc', 'wa', True),
            ('axc', 'x', False),
        ):
            known = [s for s in servers if s.server_id in there]
            more = [*moves, move('a', stage=Stage.UNDO, trouble='no answer')]
            found = refused(
                *known,
                moves=tuple(m for m in more if m.server_id in blocked),
                who=move('a', server=servers[0]),
            )
            self.assertEqual(
                expected, found is Reason.REATTACH_BLOCKED, (there, blocked)
            )

    def test_nor_one_that_was_only_found_out(self) -> None:
        moves = (self.blocked(orphan=True),)
        self.assertIsNone(refused(server('a'), server('x'), moves=moves))

    def test_without_a_word_after_a_time(self) -> None:
        for age, expected in ((300, None), (301, Reason.REATTACH_BLOCKED)):
            one = self.blocked(trouble='', since=NOW - age)
            found = refused(server('a'), server('x'), moves=(one,))
            self.assertIs(expected, found)

    def test_it_is_back(self) -> None:
        found = refused(
            server('a'), server('x'), moves=(self.blocked(back=True),)
        )
        self.assertIsNone(found)

    def test_a_drain_that_waits_is_no_trouble(self) -> None:
        one = self.blocked(stage=Stage.DRAIN, trouble='')
        self.assertIsNone(refused(server('a'), server('x'), moves=(one,)))

    def test_another_orchestrator(self) -> None:
        elsewhere = server('x', metadata={KEY: 'lb'})
        self.assertIsNone(
            refused(server('a'), elsewhere, moves=(self.blocked(),))
        )

    def test_a_server_that_is_gone_or_lost_its_way(self) -> None:
        self.assertIsNone(refused(server('a'), moves=(self.blocked(),)))
        lost = server('x', metadata={KEY: 'chef'})
        self.assertIsNone(refused(server('a'), lost, moves=(self.blocked(),)))
