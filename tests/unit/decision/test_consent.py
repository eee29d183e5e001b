import dataclasses

from oslotest import base

from steal_scheduler.decision import (
    consent,
    decide,
    eligibility,
    limits,
    policies,
)
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.asked import Asked, Wish
from steal_scheduler.model.proposal import LASTS, Notice, Proposal, Vote
from tests.unit.decision.test_policies import admitted, cloud, refused
from tests.unit.make import (
    NOW,
    host_signal,
    move,
    server,
    signal,
    signals,
)

ALL = ('az1', 'abc', {'approval': 'true'})
TOLD = ('az1', 'a', {'notice': '10m'})


def proposed(found: Snapshot, source: str = 'a', **other: object) -> Snapshot:
    """One of A, an hour before it expires."""
    one = Proposal('A', source, 'it waits', NOW, NOW + LASTS)
    one = dataclasses.replace(one, **other)  # type: ignore[arg-type]
    return dataclasses.replace(found, approvals={'A': one})


def detail(found: Snapshot, server_id: str = 'A') -> str:
    decided = decide.decide(found, {})
    return next(r.detail for r in decided.refusals if r.server_id == server_id)


class TestApproval(base.BaseTestCase):
    def test_it_is_only_proposed(self) -> None:
        found = cloud(('az1', 'a', {'approval': 'true'}), slots=10)
        self.assertNotIn('A', admitted(found))
        decided = decide.decide(found, {})
        self.assertEqual(['A'], [m.server_id for m in decided.proposed])
        self.assertEqual('approval', refused(found)['A'])
        self.assertEqual(
            'it is proposed now, and waits for a yes until 1970-01-12 14:46 '
            'UTC: steal:approval = true of aggregate az1',
            detail(found),
        )

    def test_what_becomes_of_it(self) -> None:
        found = cloud(('az1', 'a', {'approval': 'true'}), slots=10)
        for answer, begins, said in (
            (Vote.OPEN, False, 'was proposed at 1970-01-12 13:46 UTC'),
            (Vote.REJECTED, False, 'bob rejected it; it is proposed again'),
            (Vote.APPROVED, True, ''),
        ):
            now = proposed(found, answer=answer, said='bob')
            self.assertIs(begins, 'A' in admitted(now), answer)
            if said:
                self.assertIn(said, detail(now))
        # A yes lasts an hour, and is about that host.
        for over in ({'expires_at': NOW}, {'source': 'b'}):
            now = proposed(found, answer=Vote.APPROVED, **over)
            self.assertIn('it is proposed now', detail(now))

    def test_a_no_lets_another_one_leave(self) -> None:
        """As if it were not there; but for who wants it away himself."""
        found = proposed(cloud(ALL), answer=Vote.REJECTED, said='bob')
        one = found.fleet.servers['A']
        self.assertIsNotNone(eligibility.refusal('A', found))
        self.assertIsNone(eligibility.refusal('B', found))
        for wanted in (
            {'asked': Asked(servers={'A': Wish('alice', '')})},
            {'view': dataclasses.replace(found.view, emptied={'a'})},
            {'now': NOW + LASTS},
        ):
            now = dataclasses.replace(found, **wanted)  # type: ignore[arg-type]
            self.assertEqual([], [*consent.rejected(one, now)], wanted)

    def test_who_has_a_yes_leaves(self) -> None:
        """Not the one that would be lighter to copy."""
        for consented in (
            {},
            {'approvals': {'B': Proposal('B', 'a', '', NOW, NOW + 9)}},
            {'notices': {'B': Notice('B', 'a', NOW, NOW)}},
            {
                'approvals': {
                    'B': Proposal('B', 'a', '', NOW, NOW + 9, Vote.APPROVED)
                }
            },
        ):
            found = self.two(**consented)
            moves = decide.decide(found, {}).proposed
            moves += decide.decide(found, {}).admitted
            yes = 'notices' in consented or 'Vote.APPROVED' in repr(consented)
            self.assertEqual(
                ['B' if yes else 'A'],
                [m.server_id for m in moves if m.source == 'a'],
                consented,
            )

    def two(self, **other: object) -> Snapshot:
        """A and B wait on a, which one of them has to leave."""
        found = cloud(ALL, slots=10)
        servers = {
            s: server(s, host='a', ram_mb=ram, project_id=s)
            for s, ram in (('A', 1024), ('B', 4096))
        }
        known = dataclasses.replace(found.fleet, servers=servers)
        measured = signals(
            *(signal(s, used=2.0, waited=1.0) for s in 'AB'),
            hosts={n: host_signal(n, cores=4.0) for n in 'abcdef'},
        )
        found = dataclasses.replace(found, fleet=known, signals=measured)
        found = dataclasses.replace(found, view=build_view(found))
        return dataclasses.replace(found, **other)  # type: ignore[arg-type]

    def test_of_roles(self) -> None:
        for text, role, wanted in (
            ('roles: web, db', 'web', True),
            ('roles: web, db', 'db', True),
            ('roles: web, db', 'batch', False),
            ('roles: web, db', None, False),
            ('true', None, True),
            ('false', 'web', False),
        ):
            found = cloud(('az1', 'a', {'approval': text}))
            one = dataclasses.replace(found.fleet.servers['A'], role=role)
            self.assertIs(
                wanted, consent.approval(one, found) is not None, (text, role)
            )
        # Any aggregate that wants it is enough.
        found = cloud(
            ('x', 'a', {'approval': 'false'}),
            ('y', 'a', {'approval': 'roles: web'}),
        )
        one = dataclasses.replace(one, role='web')
        setting = consent.approval(one, found)
        self.assertEqual('y', setting and setting.aggregate)

    def test_it_takes_nothing_from_what_begins(self) -> None:
        """There is one slot and one place, and A is the most urgent."""
        hosts = dict.fromkeys('abcd', 'az1')
        found = cloud(
            ('az1', 'ab', {'approval': 'true'}), hosts=hosts, slots=1
        )
        self.assertEqual(['C'], admitted(found))

    def test_who_asks_for_a_move_has_said_yes(self) -> None:
        found = cloud(ALL, slots=10)
        for wish in ({'asked_by': 'alice'}, {'emptied': True}):
            one = move('A', copy_mb=1, project_id='a', **wish)
            begin, _ = limits.admit([one], found)
            self.assertEqual(['A'], [m.server_id for m in begin], wish)

    def test_a_dry_run_asks_nobody(self) -> None:
        found = cloud(ALL, ('x', 'a', {'dry_run': 'true'}), slots=10)
        decided = decide.decide(found, {})
        self.assertNotIn('A', [m.server_id for m in decided.proposed])
        _, dry = policies.parted(decided.admitted, found)
        self.assertEqual(['A'], [m.server_id for m in dry])


class TestNotice(base.BaseTestCase):
    def test_its_owner_is_told_first(self) -> None:
        found = cloud(TOLD, slots=10)
        decided = decide.decide(found, {})
        self.assertEqual(['A'], [m.server_id for m in decided.announced])
        self.assertEqual(
            'its owner is told now, and it may begin at 1970-01-12 13:56 UTC: '
            'steal:notice = 10m of aggregate az1',
            detail(found),
        )
        one = Notice('A', 'a', NOW, NOW + 600)
        told = dataclasses.replace(found, notices={'A': one})
        self.assertIn('was told at 1970-01-12 13:46 UTC', detail(told))
        for due, begins in (
            (NOW, True),
            (NOW + 1, False),
            (NOW - LASTS + 1, True),
            (NOW - LASTS, False),
        ):
            notices = {'A': dataclasses.replace(one, due_at=due)}
            told = dataclasses.replace(found, notices=notices)
            self.assertIs(begins, 'A' in admitted(told), due - NOW)

    def test_its_owner_objects(self) -> None:
        """Others may leave instead, whoever asks for it, until it is over."""
        found = cloud(TOLD, slots=10)
        one = Notice('A', 'a', NOW, NOW + 600).answered('payday')
        found = dataclasses.replace(found, notices={'A': one})
        self.assertEqual('notice', refused(found)['A'])
        self.assertEqual(
            'its owner was told at 1970-01-12 13:46 UTC, and objects: payday; '
            'he is told anew after 1970-01-12 14:56 UTC',
            detail(found),
        )
        asked = Asked(servers={'A': Wish('alice', '')})
        for now, stays in (
            (found, True),
            (dataclasses.replace(found, asked=asked), True),
            (dataclasses.replace(found, now=NOW + 600 + LASTS), False),
        ):
            stayed = [*consent.objected(now.fleet.servers['A'], now)]
            self.assertIs(stays, bool(stayed), now.now)
        unwanted = cloud(slots=10)
        unwanted = dataclasses.replace(unwanted, notices={'A': one})
        self.assertNotIn('A', refused(unwanted))

    def test_also_where_somebody_asks_for_it(self) -> None:
        one = move('A', copy_mb=1, project_id='a', asked_by='alice')
        _, (no,) = limits.admit([one], cloud(TOLD))
        self.assertEqual('notice', no.reason)
