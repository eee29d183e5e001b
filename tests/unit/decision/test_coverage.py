import dataclasses

from oslotest import base

from steal_scheduler.decision import coverage
from steal_scheduler.model.cloud import Host
from tests.unit.make import fleet, server, signal, signals, snapshot


def found(known, *seen, moving=(), **hosts):
    measured = signals(*(signal(s) for s in seen), hosts=hosts)
    return coverage.of_zones(snapshot(known, measured=measured), moving)


def with_hosts(known, **hosts):
    made = {name: Host(name, 'az1', **more) for name, more in hosts.items()}
    return dataclasses.replace(known, hosts=known.hosts | made)


class TestCoverage(base.BaseTestCase):
    def test_running_servers_count(self):
        known = fleet(
            server('seen'),
            server('seen too'),
            server('blind'),
            server('unseen'),
            server('off', status='SHUTOFF'),
            server('nowhere', host=None),
        )
        zones = found(known, 'seen', 'seen too')
        self.assertEqual(50.0, coverage.percent(zones))

    def test_who_has_just_arrived_does_not_count(self):
        known = fleet(server('seen'), server('arrived'))
        zones = found(known, 'seen', moving={'arrived'})
        self.assertEqual(100.0, coverage.percent(zones))

    def test_nobody_runs(self):
        self.assertEqual(100.0, coverage.percent(found(fleet())))

    def test_what_could_not_be_moved_does_not_count(self):
        for other in (
            {'opted_out': 'flavor'},
            {'locked': True},
            {'dedicated': 4},
            {'task_state': 'rebuilding'},
            {'host': 'down'},
            {'host': 'ironic'},
            {'host': 'vcenter'},
            {'host': 'pinned'},
        ):
            known = with_hosts(
                fleet(server('seen'), server('other', **other)),
                down={'up': False},
                ironic={'kind': 'ironic'},
                vcenter={'kind': 'VMware vCenter Server'},
                pinned={'kind': 'QEMU', 'cpus': 0},
            )
            zones = found(known, 'seen')
            self.assertEqual(100.0, coverage.percent(zones), other)

    def test_a_source_that_measures_another_hypervisor(self):
        known = with_hosts(
            fleet(server('x', host='vcenter')),
            vcenter={'kind': 'VMware vCenter Server'},
        )
        zones = found(known, vcenter=64.0)
        self.assertEqual(0.0, coverage.percent(zones))

    def test_each_zone_by_itself(self):
        known = fleet(
            *(server(f'x{n}', zone='az1', host='a') for n in range(3)),
            server('y1', zone='az2', host='b'),
            server('y2', zone='az2', host='c'),
            server('y3', zone='az2', host='c'),
        )
        zones = found(known, 'x0', 'x1', 'x2')
        self.assertEqual([100.0, 0.0], [zone.percent for zone in zones])
        (low,) = coverage.low(zones, snapshot(known))
        detail = low.detail(80)
        for word in ('0 of the 3', 'zone az2', 'c (2 of 2), b (1 of 1)', '80'):
            self.assertIn(word, detail)
        nos = [
            [*coverage.of_server(server(zone=zone), [low], snapshot(known))]
            for zone in ('az1', 'az2')
        ]
        self.assertEqual([0, 1], [len(found) for found in nos])
