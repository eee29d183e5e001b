import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision.usable_signals import with_guests
from steal_scheduler.model.cloud import Server, ServerSignal
from steal_scheduler.model.guest import GuestKey, GuestSignal
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import NOW, fleet, guest, server, signal, signals

BY = GuestKey


def join(
    by: GuestKey,
    told: dict[str, GuestSignal],
    *servers: Server,
    seen: tuple[ServerSignal, ...] = (),
) -> dict[str, ServerSignal]:
    return with_guests(
        signals(*seen, guests=told, guests_by=by), fleet(*servers)
    )


class TestWho(base.BaseTestCase):
    """Which server a guest is; x and y, and nobody has measured them."""

    FULL = guest(used=1.0, waited=0.5)

    def found(
        self, by: GuestKey, *told: str, **servers: dict[str, object]
    ) -> list[str]:
        """:param told: what the guests are known by"""
        some = [server(s, **servers.get(s, {})) for s in 'xy']
        return sorted(join(by, dict.fromkeys(told, self.FULL), *some))

    def test_by_its_key(self) -> None:
        addresses = {'addresses': ('10.0.0.1', '192.0.2.1')}
        for by, told in (
            (BY.UUID, 'x'),
            (BY.NAME, 'name of x'),
            (BY.ADDRESS, '10.0.0.1'),
            (BY.ADDRESS, '192.0.2.1'),
        ):
            self.assertEqual(['x'], self.found(by, told, x=addresses))

    def test_by_no_other_key(self) -> None:
        self.assertEqual([], self.found(BY.UUID, 'name of x'))
        self.assertEqual([], self.found(BY.NAME, 'x'))
        self.assertEqual([], self.found(BY.ADDRESS, 'x', 'name of x'))

    def test_a_guest_that_could_be_two_servers(self) -> None:
        alike = {'name': 'web', 'addresses': ('10.0.0.1',)}
        self.assertEqual([], self.found(BY.NAME, 'web', x=alike, y=alike))
        shared = self.found(
            BY.ADDRESS,
            '10.0.0.1',
            '10.0.0.2',
            x=alike,
            y={'addresses': ('10.0.0.1', '10.0.0.2')},
        )
        # The other address is its own.
        self.assertEqual(['y'], shared)

    def test_a_server_with_two_guests(self) -> None:
        two = {'addresses': ('10.0.0.1', '10.0.0.2')}
        told = ('10.0.0.1', '10.0.0.2')
        self.assertEqual([], self.found(BY.ADDRESS, *told, x=two))


class TestWhat(base.BaseTestCase):
    """What counts of the guest of s."""

    def joined(
        self, *seen: ServerSignal, **told: float
    ) -> dict[str, ServerSignal]:
        return join(BY.UUID, {'s': guest(**told)}, server(), seen=seen)

    def test_its_load_and_its_steal_clock(self) -> None:
        seen = signal(load=2.0)
        self.assertEqual(
            {'s': dataclasses.replace(seen, load=5.0, guest_waited=0.5)},
            self.joined(seen, load=5.0, used=2.0, waited=0.5),
        )
        # Also where it is idle; but not where it does not say.
        self.assertEqual(0.0, self.joined(seen, load=0.0)['s'].load)
        self.assertEqual({'s': seen}, self.joined(seen, used=2.0))

    def test_where_nobody_else_measures(self) -> None:
        self.assertEqual(
            {
                's': ServerSignal(
                    's', None, 2.0, 0.5, NOW - 9, load=5.0, by_guest=True
                )
            },
            self.joined(used=2.0, waited=0.5, load=5.0, at=NOW - 9),
        )
        idle = self.joined(used=0.0, waited=0.0)
        self.assertEqual(0.0, idle['s'].asked)

    def test_a_half_is_nothing(self) -> None:
        self.assertEqual({}, self.joined(used=2.0, load=5.0))
        self.assertEqual({}, self.joined(waited=0.5, load=5.0))

    def test_who_has_no_guest_is_as_measured(self) -> None:
        seen = signal('other', guest_waited=0.1)
        self.assertEqual({'other': seen}, self.joined(seen))


KEYS = ('k1', 'k2', 'k3', 'k4')
NUMBERS = st.none() | st.sampled_from((0.0, 0.5, 3.0))


class TestAnyGuests(base.BaseTestCase):
    @given(
        st.sampled_from(BY),
        st.dictionaries(
            st.sampled_from(KEYS),
            st.builds(guest, used=NUMBERS, waited=NUMBERS, load=NUMBERS),
        ),
        st.lists(
            st.builds(
                server,
                st.sampled_from(KEYS),
                name=st.sampled_from(KEYS),
                addresses=st.sets(st.sampled_from(KEYS)).map(tuple),
            ),
            unique_by=lambda s: s.server_id,
        ),
        st.sets(st.sampled_from(KEYS)),
    )
    def test_a_guest_is_one_server_and_moves_no_measurement(
        self,
        by: GuestKey,
        told: dict[str, GuestSignal],
        servers: list[Server],
        measured: set[str],
    ) -> None:
        # No two guests tell the same time, so that each can be recognised.
        told = {
            key: dataclasses.replace(one, at=NOW + n, waited=n + 0.25)
            for n, (key, one) in enumerate(told.items())
            if one.waited is not None
        }
        seen = {s: signal(s) for s in measured}
        found = join(by, told, *servers, seen=tuple(seen.values()))
        for server_id, one in seen.items():
            self.assertEqual(
                one,
                dataclasses.replace(
                    found[server_id], load=None, guest_waited=None
                ),
            )
        by_guest = {
            s: one.waited if one.by_guest else one.guest_waited
            for s, one in found.items()
        }
        heard = [waited for waited in by_guest.values() if waited is not None]
        self.assertEqual(len(set(heard)), len(heard))
        self.assertLessEqual(
            by_guest.keys(), {s.server_id for s in servers} | measured
        )
