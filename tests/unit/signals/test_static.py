import json
import os

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.model.cloud import HostSignal, ServerSignal
from steal_scheduler.model.demand import History
from steal_scheduler.model.threads import Spent, Threads
from steal_scheduler.signals.static import StaticSource
from tests.unit.options import configuration

NOW = 1_000_000.0


def content():
    return {
        'taken_at': NOW - 10,
        'servers': {'a': {'host': 'h', 'used': 1.5, 'waited': 1}},
        'hosts': {'h': {'cores': 16}},
    }


class StaticTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'signals.json'
        )
        self.conf = configuration('static', StaticSource.OPTS, path=self.path)
        self.source = StaticSource(self.conf)

    def _read(self, text):
        if not isinstance(text, str):
            text = json.dumps(text)
        with open(self.path, 'w') as file:
            file.write(text)
        return self.source.read(NOW)

    def _refused(self, text, *words):
        error = self.assertRaises(SignalError, self._read, text)
        for word in (self.path, *words):
            self.assertIn(word, str(error))

    def test_least(self):
        signals = self._read(content())
        self.assertEqual((NOW - 10, 60.0), (signals.taken_at, signals.window))
        self.assertEqual(
            {'a': ServerSignal('a', 'h', 1.5, 1.0, NOW - 10)}, signals.servers
        )
        self.assertEqual({'h': HostSignal('h', 16.0, NOW - 10)}, signals.hosts)

    def test_the_window(self):
        for window, expected in ((0, 0), (300.0, 300), (None, 60)):
            signals = self._read(content() | {'window': window})
            self.assertEqual(expected, signals.window)
        for window in (-1, '60s', True):
            self._refused(content() | {'window': window}, 'window is')

    def test_everything(self):
        full = content()
        full['servers']['a'] |= {
            'load': 3.5,
            'throttled': 0.25,
            'bad_seconds': 1,
            'guest_waited': 0.9,
            'worst_used': 0.5,
            'worst_waited': 0.4,
            'threads_used': 0.2,
            'threads_waited': 0.1,
            'history': [1, 2.5],
        }
        full['hosts']['h'] |= {
            'used': 9,
            'runnable': 1.5,
            'clock_offset': -2,
            'reliable': False,
        }
        signals = self._read(full)
        server, host = signals.servers['a'], signals.hosts['h']
        self.assertEqual(
            (3.5, 0.25, 1.0, 0.9),
            (
                server.load,
                server.throttled,
                server.bad_seconds,
                server.guest_waited,
            ),
        )
        self.assertEqual(
            Threads(worst=Spent(0.5, 0.4), others=Spent(0.2, 0.1)),
            server.threads,
        )
        self.assertEqual({'a': History((1.0, 2.5))}, signals.history)
        self.assertEqual(
            (9.0, 1.5, -2.0, False),
            (host.used, host.runnable, host.clock_offset, host.reliable),
        )

    def test_null_is_unknown(self):
        some = content()
        some['servers']['a'] |= {'load': None, 'host': None}
        server = self._read(some).servers['a']
        self.assertEqual((None, None), (server.load, server.host))

    def test_it_is_read_anew(self):
        self._read(content())
        other = content()
        other['servers'] = {}
        self.assertEqual({}, self._read(other).servers)

    def test_no_file(self):
        error = self.assertRaises(SignalError, self.source.read, NOW)
        self.assertIn(self.path, str(error))

    def test_no_path(self):
        self.conf.clear_override('path', group='static')
        error = self.assertRaises(ConfigError, StaticSource, self.conf)
        self.assertIn('[static] path', str(error))

    def test_no_json(self):
        for text in ('', '{"taken_at": 1', 'taken_at: 1'):
            self._refused(text)
        with open(self.path, 'wb') as file:
            file.write(b'\xff\xfe{')
        self.assertRaises(SignalError, self.source.read, NOW)

    def test_stale_or_from_the_future(self):
        for at in (NOW - 121, NOW + 121):
            self._refused(content() | {'taken_at': at}, 'max_age = 120')

    def test_a_key_stands_twice(self):
        text = json.dumps(content()).replace(
            '"a": {', '"a": {"used": 0, "waited": 0}, "a": {'
        )
        self._refused(text, "the key 'a' stands twice")

    def test_wrong_types(self):
        for key, value in (
            ('taken_at', None),
            ('taken_at', 'now'),
            ('servers', None),
            ('servers', []),
            ('hosts', 'h'),
        ):
            self._refused(content() | {key: value}, key)
        self._refused([], 'the file')
        self._refused(content() | {'extra': 1}, 'extra')

    def test_wrong_values(self):
        for kind, name, key, value in (
            ('servers', 'a', 'used', None),
            ('servers', 'a', 'waited', '0.5'),
            ('servers', 'a', 'waited', True),
            ('servers', 'a', 'used', -1),
            ('servers', 'a', 'used', float('nan')),
            ('servers', 'a', 'used', float('inf')),
            ('servers', 'a', 'used', 10**400),
            ('servers', 'a', 'throttled', -0.1),
            ('servers', 'a', 'bad_seconds', 2),
            ('servers', 'a', 'host', 7),
            ('servers', 'a', 'history', 2.0),
            ('servers', 'a', 'history', [2.0, -1]),
            ('servers', 'a', 'history', [True]),
            ('hosts', 'h', 'cores', None),
            ('hosts', 'h', 'reliable', 'no'),
            ('hosts', 'h', 'runnable', [1]),
        ):
            wrong = content()
            wrong[kind][name][key] = value
            self._refused(wrong, f'{kind}.{name}.{key}')

    def test_misspelt_key(self):
        wrong = content()
        wrong['servers']['a']['bad_second'] = 0.5
        self._refused(wrong, 'servers.a', 'bad_second')
        wrong = content()
        wrong['hosts']['h'] = 16
        self._refused(wrong, 'hosts.h is 16.0, not an object')
