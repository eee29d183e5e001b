import json
import lzma
import pathlib
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.replay import folder, recording
from tests.unit.replay import recordings

HOST = {'name': 'a', 'zone': 'z', 'cores': 4, 'ram_mb': 9000, 'disk_gb': 5}
SERVER = {
    'id': 's',
    'name': 'web',
    'project': 'p',
    'role': 'www',
    'vcpus': 2,
    'ram_mb': 4096,
    'disk_gb': 1,
    'host': 'a',
    'work': 'batch',
}
CSV = 'seconds,s\n0,1\n300,2.5\n'


class TestRead(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.top = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def write(self, demand: str = CSV, **other: Any) -> None:
        cluster = {'step_s': 300, 'hosts': [HOST], 'servers': [SERVER]}
        self.top.joinpath('cluster.json').write_text(
            json.dumps({**cluster, **other}), encoding='utf-8'
        )
        self.top.joinpath('demand.csv').write_text(demand, encoding='utf-8')

    def read(self) -> recording.Recording:
        return folder.read(str(self.top))

    def refused(self, what: str) -> None:
        error = self.assertRaises(folder.RecordingError, self.read)
        self.assertIn(what, str(error))
        self.assertIn(str(self.top), str(error))

    def test_all(self) -> None:
        group = {'policy': 'anti-affinity', 'servers': ['s']}
        self.write(groups=[group])
        found = self.read()
        self.assertEqual(['a'], [host.name for host in found.hosts])
        self.assertEqual('www', found.servers[0].role)
        self.assertEqual((0,), found.groups[0].servers)
        self.assertEqual([0], found.places.tolist())
        self.assertEqual([[1.0], [2.5]], found.demand.tolist())
        self.assertEqual(600, found.end)

    def test_packed(self) -> None:
        self.write()
        plain = self.top / 'demand.csv'
        packed = lzma.compress(plain.read_bytes())
        self.top.joinpath('demand.csv.xz').write_bytes(packed)
        plain.unlink()
        self.assertEqual([[1.0], [2.5]], self.read().demand.tolist())

    def test_columns_in_any_order(self) -> None:
        other = {**SERVER, 'id': 't'}
        self.write('seconds,t,s\n0,1,2\n', servers=[SERVER, other])
        self.assertEqual([[2.0, 1.0]], self.read().demand.tolist())

    def test_the_rows_of_a_time(self) -> None:
        self.write()
        rows = self.read().rows
        self.assertEqual(range(0, 1), rows(240, 300))
        self.assertEqual(range(0, 2), rows(270, 330))
        self.assertEqual(range(1, 2), rows(300, 360))

    def test_no_file(self) -> None:
        self.refused('cluster.json: ')

    def test_wrong_documents(self) -> None:
        for what, wrong in (
            ('step_s must be a number', {'step_s': 'x'}),
            ('step_s must be more than 0', {'step_s': 0}),
            ('hosts must be a list', {'hosts': {}}),
            ('hosts[0]: cores must be', {'hosts': [{**HOST, 'cores': -1}]}),
            ('hosts[1]: a is there twice', {'hosts': [HOST, HOST]}),
            ('servers[0]: it must be an object', {'servers': [7]}),
            (
                'no host is called b',
                {'servers': [{**SERVER, 'host': 'b'}]},
            ),
            ('work is play', {'servers': [{**SERVER, 'work': 'play'}]}),
            ('vcpus must be', {'servers': [{**SERVER, 'vcpus': 0}]}),
            ('name must be a text', {'servers': [{**SERVER, 'name': 1}]}),
            (
                'policy is soft',
                {'groups': [{'policy': 'soft', 'servers': ['s']}]},
            ),
            (
                "no server is 'u'",
                {'groups': [{'policy': 'affinity', 'servers': ['u']}]},
            ),
        ):
            self.write(**wrong)
            self.refused(what)

    def test_wrong_demand(self) -> None:
        for what, wrong in (
            ('the first line', ''),
            ('the first line', 'seconds,t\n0,1\n'),
            ('the first line', 'seconds,s,s\n0,1,1\n'),
            ('it has no row', 'seconds,s\n'),
            ('line 3: 3 values', 'seconds,s\n0,1\n300,1,1\n'),
            ('line 2: each value', 'seconds,s\n0,nan\n'),
            ('line 2: each value', 'seconds,s\n0,-1\n'),
            ("'x'", 'seconds,s\n0,x\n'),
            ('begin with 0', 'seconds,s\n300,1\n'),
            ('grow', 'seconds,s\n0,1\n300,1\n300,1\n'),
        ):
            self.write(wrong)
            self.refused(what)


class TestWrite(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.top = pathlib.Path(directory, 'new', 'week')

    def test_it_is_read_again(self) -> None:
        group = recording.Group('affinity', (1, 0))
        s, t = recordings.server('s', 'a'), recordings.server('t', 'a')
        wrote = recordings.recording(
            [recordings.host('a')],
            {s: [1.0, 1.5, 0.0], t: [1 / 3, 2.0, 4.0]},
            groups=[group],
        )
        folder.write(wrote, str(self.top))
        found = folder.read(str(self.top))
        self.assertEqual(
            (wrote.hosts, wrote.servers, wrote.groups, wrote.end),
            (found.hosts, found.servers, found.groups, found.end),
        )
        self.assertEqual(wrote.seconds.tolist(), found.seconds.tolist())
        self.assertLess(abs(wrote.demand - found.demand).max(), 0.001)

    def test_nothing_is_overwritten(self) -> None:
        one = recordings.recording(
            [recordings.host('a')], {recordings.server('s', 'a'): 1.0}
        )
        folder.write(one, str(self.top))
        error = self.assertRaises(
            folder.RecordingError, folder.write, one, str(self.top)
        )
        self.assertIn('there is a recording already', str(error))

    def test_where_nothing_can_be_written(self) -> None:
        one = recordings.recording(
            [recordings.host('a')], {recordings.server('s', 'a'): 1.0}
        )
        self.top.parent.parent.joinpath('new').write_text('')
        self.assertRaises(
            folder.RecordingError, folder.write, one, str(self.top)
        )
