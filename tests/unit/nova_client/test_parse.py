import re

from oslotest import base

from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.nova_client import parse
from tests.hostile import HOSTILE, SHOWN
from tests.standins import nova_api


def server(**other: object) -> Server:
    return parse.server(nova_api.server(**other), RoleRule())


class TestServer(base.BaseTestCase):
    def test_all_of_it(self) -> None:
        expected = Server(
            server_id='s',
            name='web-1',
            host='a',
            zone='az1',
            status='ACTIVE',
            vcpus=4,
            ram_mb=4096,
            disk_gb=20 + 5 + 2,
            role='web',
            metadata={'role': 'web'},
            tags=('blue',),
            addresses=('10.0.0.5', '203.0.113.5'),
        )
        self.assertEqual(expected, server())

    def test_from_a_volume_its_root_disk_is_not_copied(self) -> None:
        self.assertEqual(7, server(image='').disk_gb)

    def test_locked(self) -> None:
        self.assertTrue(server(locked=True).locked)

    def test_its_role_may_be_in_its_name(self) -> None:
        rule = RoleRule(role_name_pattern=re.compile(r'^(\w+)-\d+$'))
        raw = nova_api.server(metadata={}, name='db-3')
        self.assertEqual('db', parse.server(raw, rule).role)

    def test_what_a_tenant_writes_is_escaped(self) -> None:
        found = server(name=HOSTILE, metadata={'role': HOSTILE, 'note': 'a'})
        self.assertEqual(SHOWN, found.name)
        self.assertEqual(SHOWN[:64], found.role)
        self.assertEqual({'role': SHOWN, 'note': 'a'}, found.metadata)
        # Who would remove a tag has to name it as it is.
        self.assertEqual((HOSTILE,), server(tags=[HOSTILE]).tags)

    def test_what_nova_leaves_out(self) -> None:
        found = server(tags=None, metadata=None)
        self.assertEqual(((), {}), (found.tags, found.metadata))
        raw = nova_api.server()
        del raw['OS-EXT-SRV-ATTR:host']
        self.assertIsNone(parse.server(raw, RoleRule()).host)

    def test_of_a_cell_that_is_down(self) -> None:
        found = parse.server({'id': 's', 'status': 'UNKNOWN'}, RoleRule())
        self.assertEqual(
            ('s', 'UNKNOWN', None), (found.server_id, found.status, found.host)
        )

    def test_opted_out(self) -> None:
        key = 'steal:migrate'
        flavor = nova_api.server()['flavor']
        for value, never in (
            ('never', True),
            ('Never', True),
            ('no', True),
            ('', True),
            ('allow', False),
            (' Allow ', False),
        ):
            found = server(metadata={key: value}).opted_out
            self.assertEqual('metadata' if never else None, found)
            specs = flavor | {'extra_specs': {key: value}}
            found = server(flavor=specs).opted_out
            self.assertEqual('flavor' if never else None, found)
        self.assertIsNone(server().opted_out)

    def test_pinned(self) -> None:
        flavor = nova_api.server()['flavor'] | {'vcpus': 4}
        for specs, pinned in (
            ({}, 0),
            ({'hw:cpu_policy': 'dedicated'}, 4),
            ({'hw:cpu_policy': 'mixed', 'hw:cpu_dedicated_mask': '^0'}, 3),
        ):
            found = server(flavor=flavor | {'extra_specs': specs})
            self.assertEqual(
                (pinned, 4 - pinned), (found.dedicated, found.shared_vcpus)
            )
            self.assertEqual(pinned == 4, found.pinned)


class TestMigration(base.BaseTestCase):
    def test_all_of_it(self) -> None:
        at = 1767225600.0
        expected = Migration(
            7, 's', 'running', 'a', 'b', at, at + 5.5, user_id='us'
        )
        self.assertEqual(expected, parse.migration(nova_api.migration()))

    def test_no_target_and_no_change_yet(self) -> None:
        raw = nova_api.migration(dest_compute=None, updated_at=None)
        found = parse.migration(raw)
        self.assertIsNone(found.target)
        self.assertEqual(found.created_at, found.updated_at)

    def test_times(self) -> None:
        for text in (
            '2026-01-01T00:00:00.000000',
            '2026-01-01T00:00:00Z',
            '2026-01-01T01:00:00+01:00',
        ):
            found = parse.migration(nova_api.migration(created_at=text))
            self.assertEqual(1767225600.0, found.created_at)
        self.assertEqual('2026-01-01T00:00:00Z', parse.iso(1767225600.9))


class TestTraits(base.BaseTestCase):
    def test_those_of_the_flavor(self) -> None:
        specs = {
            'trait:HW_CPU_X86_AVX2': 'required',
            'trait:CUSTOM_SLOW': 'forbidden',
            'trait1:CUSTOM_GPU': 'required',
            'hw:cpu_policy': 'shared',
        }
        raw = nova_api.server()
        raw['flavor']['extra_specs'] = specs
        self.assertEqual(
            {'HW_CPU_X86_AVX2': 'required', 'CUSTOM_SLOW': 'forbidden'},
            parse.server(raw, RoleRule()).traits,
        )
