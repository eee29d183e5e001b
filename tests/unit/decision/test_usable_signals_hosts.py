from oslo_config import cfg
from oslotest import base

from steal_scheduler.conf import load
from steal_scheduler.decision.host_checks import OPTIONAL, HostCheck
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.model.cloud import Migration, Server, Signals
from tests.unit.make import (
    NOW,
    fleet,
    migration,
    server,
    signal,
    signals,
    snapshot,
)


def unreliable(
    told: Signals, *servers: Server, records: tuple[Migration, ...] = ()
) -> dict[str, HostCheck]:
    """Why metrics of each host are unreliable; a, b and c are there."""
    known = fleet(*servers, migrations=records)
    found = usable_signals(snapshot(known, measured=told))
    return {name: one.reason for name, one in found.unreliable.items()}


class TestCheckHosts(base.BaseTestCase):
    def test_each_host_by_itself(self) -> None:
        told = signals(
            signal('x', host='a', used=8.0, waited=0.0),
            signal('y', host='b', used=8.0, waited=0.5),
            hosts={'a': 16.0, 'b': 16.0, 'z': 0.0},
        )
        found = unreliable(
            told,
            server('x', host='a', vcpus=8),
            server('y', host='b', vcpus=8),
        )
        # Nova does not know z, and nothing tells of c.
        self.assertEqual(
            {'a': HostCheck.FLAT_WAIT, 'c': HostCheck.STALE}, found
        )

    def test_one_that_may_be_several(self) -> None:
        known = fleet(server('x', host='a'), server('y', host='b'))
        told = signals(
            signal('x', host='a'),
            signal('y', host='b'),
            hosts={'b': 16.0},
            ambiguous_hosts={'a': '2 series name it'},
        )
        checked = usable_signals(snapshot(known, measured=told))
        found = checked.unreliable['a']
        self.assertEqual(
            (HostCheck.AMBIGUOUS, '2 series name it'),
            (found.reason, found.detail),
        )
        # Its servers are known by their own names.
        self.assertEqual({'x', 'y'}, {*checked.signals.servers})

    def test_a_server_on_no_host_of_nova(self) -> None:
        told = signals(hosts=dict.fromkeys('abc', 16.0))
        lost = [server('x', host=None), server('y', host='z')]
        self.assertEqual({}, unreliable(told, *lost))


class TestWhoMoves(base.BaseTestCase):
    """A server that nobody sees on host b does not count while it moves."""

    def counts(self, window: float = 0.0, **record: object) -> bool:
        told = signals(hosts=dict.fromkeys('abc', 16.0), window=window)
        record = {'source': 'a', 'target': 'b', **record}
        # Another one there is not seen either.
        found = unreliable(
            told,
            server(host='b'),
            server('other', host='b'),
            records=(migration(**record),),
        )
        self.assertLessEqual(
            found.items(), {'b': HostCheck.MISSING_SERVERS}.items()
        )
        return bool(found)

    def test_lately(self) -> None:
        self.assertFalse(self.counts(updated_at=NOW - 120))
        self.assertTrue(self.counts(updated_at=NOW - 121))

    def test_within_the_window_of_the_signals(self) -> None:
        self.assertFalse(self.counts(300, updated_at=NOW - 300))
        self.assertTrue(self.counts(300, updated_at=NOW - 301))

    def test_for_as_long_as_it_moves(self) -> None:
        self.assertFalse(
            self.counts(status='running', source='b', created_at=NOW - 9999)
        )

    def test_what_is_seen_of_it_does_not_count_either(self) -> None:
        """On its new host its wait was not measured from the start."""
        told = signals(
            signal(host='b', used=8.0, waited=0.0),
            hosts=dict.fromkeys('abc', 16.0),
        )
        there = server(host='b', vcpus=8)
        self.assertEqual({'b': HostCheck.FLAT_WAIT}, unreliable(told, there))
        self.assertEqual({}, unreliable(told, there, records=(migration(),)))


class TestImplausible(base.BaseTestCase):
    def test_whose_numbers_are_right_as_far_as_they_go(self) -> None:
        """All others tell nothing of their servers either."""
        right = {
            HostCheck.AMBIGUOUS,
            HostCheck.STALE,
            HostCheck.MISSING_SERVERS,
            HostCheck.FAILED_ARRIVALS,
        }
        found = {check for check in HostCheck if not check.implausible}
        self.assertEqual(right, found)

    def test_each_takes_its_servers_along(self) -> None:
        told = signals(
            signal('x', host='a', used=8.0, waited=0.0),
            signal('y', host='b'),
            hosts={'a': 16.0, 'b': 16.0, 'c': 16.0},
        )
        known = fleet(server('x', host='a', vcpus=8), server('y', host='b'))
        found = usable_signals(snapshot(known, measured=told)).signals
        self.assertEqual(NOW, found.taken_at)
        self.assertEqual({'y'}, set(found.servers))
        self.assertEqual({'b', 'c'}, set(found.hosts))


class TestOptions(base.BaseTestCase):
    def test_the_checks_that_can_be_disabled(self) -> None:
        conf = cfg.ConfigOpts()
        load.register(conf)
        conf([], default_config_files=[], default_config_dirs=[])
        for check in HostCheck:
            if check in OPTIONAL:
                conf.set_override(
                    'disabled_checks', [str(check)], group='host_checks'
                )
                self.assertEqual([check], conf.host_checks.disabled_checks)
            else:
                self.assertRaises(
                    ValueError,
                    conf.set_override,
                    'disabled_checks',
                    [str(check)],
                    group='host_checks',
                )
