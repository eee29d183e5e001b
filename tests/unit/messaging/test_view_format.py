import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import ranking
from steal_scheduler.messaging import view_format
from steal_scheduler.model.host_view import HostView, Mover, Tier, View
from steal_scheduler.model.rankings import NO_RANKINGS, Ranking, Rankings
from tests.unit import strategies

VIEW = View(
    taken_at=1234.5,
    hosts={
        'a': HostView(Tier.COLD, 0.01, 12.5, 64.0, 4.0, 1, 0.75, 'az1'),
        'b': HostView(Tier.HOT, 0.25, 80.0, 64.0, zone='az2'),
        'c': HostView(Tier.UNKNOWN, zone='az1'),
        'd': HostView(Tier.UNKNOWN),
    },
    roles={'shop/web': {'a': 2, 'b': 1}},
    movers={'6f70': Mover('shop/web', 'b', 3.5)},
    target_demand=80.0,
    max_arrivals=2,
    steal_threshold=6.5,
    project_groups={'9f1c': 'shop'},
    rankings=Rankings(
        1235.5, {'6f70': Ranking((('d',), ('a', 'c')), frozenset('acd'))}
    ),
)
#: The same, as it was sent before there were rankings.
VIEW_5 = dataclasses.replace(VIEW, rankings=NO_RANKINGS)
#: The same in version 4, where roles are those of the whole cloud.
VIEW_4 = dataclasses.replace(
    VIEW_5,
    roles={'web': {'a': 2, 'b': 1}},
    movers={'6f70': Mover('web', 'b', 3.5)},
    project_groups=None,
)
#: Of a host, in the order of its row.
FIELDS = [
    field.name
    for field in dataclasses.fields(HostView)
    # What nova-scheduler is not told.
    if field.name not in ('bounds', 'bad_seconds')
]


def sent(view: View) -> object:
    """As it arrives: through JSON."""
    return json.loads(json.dumps(view_format.encode(view)))


class TestEncode(base.BaseTestCase):
    def test_round_trip(self) -> None:
        self.assertEqual(VIEW, view_format.decode(sent(VIEW)))
        some = dataclasses.replace(VIEW, emptied=frozenset({'a', 'c'}))
        self.assertEqual(some, view_format.decode(sent(some)))

    def test_another_version(self) -> None:
        """It says which side to upgrade."""
        for version, side in (
            (3, 'steal-migrator'),
            (view_format.VERSION + 1, "this nova-scheduler's environment"),
        ):
            message = view_format.encode(VIEW) | {'version': version}
            error = self.assertRaises(
                view_format.ViewError, view_format.decode, message
            )
            self.assertIn(f'Upgrade steal-scheduler of {side}', str(error))

    @given(strategies.views())
    def test_round_trip_of_any_view(self, view: View) -> None:
        arrived = view_format.decode(sent(view))
        self.assertEqual(view.taken_at, arrived.taken_at)
        self.assertEqual(view.movers.keys(), arrived.movers.keys())
        for name, host in view.hosts.items():
            there = arrived.hosts[name]
            self.assertIs(host.tier, there.tier)
            self.assertEqual(host.zone, there.zone)
            self.assertAlmostEqual(host.steal, there.steal, 4)
            self.assertAlmostEqual(host.head_room, there.head_room, 1)
            self.assertEqual(
                host.runnable is None, there.runnable is None, name
            )
        for role, counts in view.roles.items():
            for name in view.hosts:
                self.assertEqual(
                    counts.get(name), arrived.roles[role].get(name)
                )

    @given(strategies.views())
    def test_what_arrived_does_not_change_by_being_sent_on(
        self, view: View
    ) -> None:
        arrived = view_format.decode(sent(view))
        self.assertEqual(arrived, view_format.decode(sent(arrived)))


class TestVersions(base.BaseTestCase):
    """nova-scheduler is upgraded first, and hears an older migrator."""

    SAMPLES = Path(__file__).parents[2] / 'data/formats'

    def test_views_of_each_version_since_the_fourth_are_read(self) -> None:
        """As it wrote them; what reads them no more breaks an upgrade."""
        found = {
            int(path.stem.partition('-')[2]): json.loads(path.read_text())
            for path in self.SAMPLES.glob('view-*.json')
        }
        # A new version comes with a sample.
        self.assertEqual([*range(4, view_format.VERSION + 1)], sorted(found))
        for version, message in found.items():
            expected = VIEW_4 if version == 4 else VIEW_5
            self.assertEqual(expected, view_format.decode(message), version)
        written: Any = sent(VIEW)
        # A listener of before does not look for what it does not know.
        del written['rankings']
        self.assertEqual(found[view_format.VERSION], written)


class TestNonsense(base.BaseTestCase):
    """Whatever comes from the broker, it is a view or a ViewError."""

    JSON = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=5,
    )

    def check(self, message: object) -> None:
        try:
            view = view_format.decode(message)  # type: ignore[arg-type]
        except view_format.ViewError:
            return
        # It was let in, so it must be good for all that is done with it.
        for role in (None, *view.roles):
            ranking.keys(view, role, move=True)
        for name in view.hosts:
            view.takes(name, 1.0)
            for own in view.rankings.of.values():
                self.assertIn(name in own.feasible, (False, True))
        for own in view.rankings.of.values():
            self.assertLessEqual({*own.feasible}, view.hosts.keys())
            self.assertLessEqual(
                {host for alike in own.best for host in alike},
                view.hosts.keys(),
            )

    @given(JSON)
    def test_anything(self, message: object) -> None:
        self.check(message)

    @given(st.sampled_from(sorted(view_format.encode(VIEW))), JSON)
    def test_one_field_is_wrong(self, field: str, value: object) -> None:
        self.check(view_format.encode(VIEW) | {field: value})

    @given(st.sampled_from(FIELDS), st.sampled_from(sorted(VIEW.hosts)), JSON)
    def test_one_item_is_wrong(
        self, field: str, name: str, value: object
    ) -> None:
        self.check(self.changed(field, name, value))

    @given(st.sampled_from(('version', 'at', 'servers', '6f70')), JSON)
    def test_one_item_of_the_rankings_is_wrong(
        self, name: str, value: object
    ) -> None:
        message = view_format.encode(VIEW)
        part = message['rankings']
        (part['servers'] if name == '6f70' else part)[name] = value
        self.check(message)

    @given(JSON, JSON)
    def test_one_ranking_is_wrong(self, best: object, text: object) -> None:
        message = view_format.encode(VIEW)
        message['rankings']['servers']['6f70'] = [best, text]
        self.check(message)

    def changed(self, field: str, name: str, value: object) -> Any:
        message = view_format.encode(VIEW)
        message['hosts'][name][FIELDS.index(field)] = value
        return message

    def test_a_field_is_missing(self) -> None:
        for field in view_format.encode(VIEW).keys() - {'rankings'}:
            message = view_format.encode(VIEW)
            del message[field]
            self.assertRaises(
                view_format.ViewError, view_format.decode, message
            )

    def test_no_number(self) -> None:
        for value in (math.nan, math.inf, None, 'much', [1]):
            for field in ('taken_at', 'steal_threshold'):
                self.refused({field: value})
            self.refused(self.changed('steal', 'd', value))
            if value is not None:
                self.refused(self.changed('runnable', 'd', value))

    def test_no_zone(self) -> None:
        for value in (2, 0.5, [0]):
            self.refused(self.changed('zone', 'd', value))

    def test_no_mover(self) -> None:
        for row in (None, [], [None, 'b'], [None, 7, 1.0], ['web', 'b', 'x']):
            self.refused({'movers': {'6f70': row}})

    def test_a_row_that_is_too_short_or_too_long(self) -> None:
        for row in ([0], [0, *range(len(FIELDS))]):
            self.refused({'hosts': {'a': row}})

    def refused(self, change: dict[str, object]) -> None:
        message = view_format.encode(VIEW) | change
        self.assertRaises(view_format.ViewError, view_format.decode, message)
