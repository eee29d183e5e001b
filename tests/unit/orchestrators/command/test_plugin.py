import json
import os
import time

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.orchestrators.base import Answer, State
from steal_scheduler.orchestrators.command.plugin import Command
from tests.shared import PATIENCE
from tests.unit.make import server
from tests.unit.options import configuration

A = '11111111-2222-3333-4444-555555555555'
B = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'


class CommandTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.path = os.path.join(self.directory, 'script')

    def command(self, script: str, mode: int = 0o755, **options) -> Command:
        with open(self.path, 'w') as file:
            file.write(f'#!/bin/sh\n{script}\n')
        os.chmod(self.path, mode)
        options.setdefault('path', self.path)
        return Command(
            configuration('command', Command.OPTS, **options), 'command'
        )

    def written(self, name: str = 'out') -> str:
        with open(os.path.join(self.directory, name)) as file:
            return file.read()


class TestAnswers(CommandTest):
    def test_done(self) -> None:
        command = self.command('echo fine')
        self.assertEqual(Answer(State.DONE), command.drain(server(), 'node'))
        self.assertEqual(
            Answer(State.DONE), command.reattach(server(), 'node')
        )

    def test_under_way(self) -> None:
        command = self.command('echo one; echo two pods left >&2; exit 75')
        self.assertEqual(
            Answer(State.WAITING, 'two pods left'),
            command.drain(server(), 'node'),
        )

    def test_refused(self) -> None:
        command = self.command('printf "its budget\\377 says no"; exit 3')
        self.assertEqual(
            Answer(
                State.REFUSED,
                'status 3: its budget\N{REPLACEMENT CHARACTER} says no',
            ),
            command.drain(server(), 'node'),
        )

    def test_it_is_killed(self) -> None:
        self.assertEqual(
            Answer(State.REFUSED, 'ended by signal 9 (Killed): last words'),
            self.command('echo last words; kill -9 $$').drain(
                server(), 'node'
            ),
        )

    def test_what_it_says_cannot_rule_a_terminal(self) -> None:
        """It goes to ``steal-manage plan``, and often repeats a name."""
        script = 'printf "\\033]0;x\\007no\\342\\200\\256"; exit 1'
        self.assertEqual(
            Answer(State.REFUSED, 'status 1: ?]0;x?no?'),
            self.command(script).drain(server(), 'node'),
        )

    def test_it_prints_for_ever(self) -> None:
        command = self.command('yes', timeout=50)
        error = self.assertRaises(
            OrchestratorError, command.drain, server(), 'node'
        )
        self.assertIn(
            '[command] path drain printed more than 1 MiB', str(error)
        )

    def test_the_verb(self) -> None:
        command = self.command(f'echo "$@" >> {self.directory}/out')
        command.drain(server(), 'node')
        command.reattach(server(), 'node')
        self.assertEqual('drain\nreattach\n', self.written())

    def test_it_reads_nothing(self) -> None:
        answer = self.command('read line && exit 1; exit 0').drain(
            server(), 'node'
        )
        self.assertIs(State.DONE, answer.state)


class TestEnvironment(CommandTest):
    def environment(self, node: str = 'node', **values) -> dict[str, str]:
        script = f'env -0 > {self.directory}/out'
        self.command(script).drain(server(**values), node)
        pairs = self.written().rstrip('\0').split('\0')
        return dict(pair.split('=', 1) for pair in pairs)

    def test_the_server(self) -> None:
        metadata = {'a': 'line\nbreak', 'b': '"\N{SNOWMAN}$(id)'}
        found = self.environment(name='my web', role='web', metadata=metadata)
        self.assertEqual(
            ('s', 'my web', 'a', 'az1', 'web'),
            tuple(
                found[f'STEAL_SERVER_{name}']
                for name in ('ID', 'NAME', 'HOST', 'ZONE', 'ROLE')
            ),
        )
        self.assertEqual(metadata, json.loads(found['STEAL_SERVER_METADATA']))

    def test_what_is_unknown_is_empty(self) -> None:
        found = self.environment(host=None, zone=None, role=None)
        for name in ('HOST', 'ZONE', 'ROLE'):
            self.assertEqual('', found[f'STEAL_SERVER_{name}'])

    def test_nothing_else_of_ours(self) -> None:
        for name in ('OS_PASSWORD', 'LD_PRELOAD_', 'STEAL_SECRET'):
            self.useFixture(fixtures.EnvironmentVariable(name, 'hush'))
        found = self.environment()
        ours = {n for n in found if not n.startswith('STEAL_')}
        self.assertNotIn('STEAL_SECRET', found)
        # The shell sets some of its own.
        self.assertLessEqual(
            ours, {'PATH', 'HOME', 'LANG', 'PWD', 'SHLVL', '_', 'OLDPWD'}
        )
        self.assertEqual(os.environ['PATH'], found['PATH'])

    def test_more_metadata_than_fits(self) -> None:
        """As much as Nova lets a tenant write: it must not hold a server."""
        metadata = {
            f'{n:03}' + '\N{SNOWMAN}' * 250: '\N{SNOWMAN}' * 255
            for n in range(128)
        }
        found = self.environment(metadata=metadata)
        self.assertEqual('s', found['STEAL_SERVER_ID'])
        self.assertNotIn('STEAL_SERVER_METADATA', found)

    def test_what_no_variable_can_hold(self) -> None:
        """A tenant's metadata may: they must not hold the server."""
        found = self.environment(
            node='a\0b\ud800c',
            name='x' * (1 << 20),
            metadata={'steal:orchestrator': 'command=a\0b'},
        )
        self.assertEqual('ab?c', found['STEAL_NODE_NAME'])
        self.assertNotIn('STEAL_SERVER_NAME', found)
        self.assertIn('u0000', found['STEAL_SERVER_METADATA'])

    def test_all_of_them_together(self) -> None:
        """No more than the kernel takes, whatever a tenant writes."""
        long = 'x' * 100 * 1024
        found = self.environment(
            node=long, name=long, role=long, metadata={'a': long}
        )
        self.assertEqual('s', found['STEAL_SERVER_ID'])


class TestTime(CommandTest):
    def assert_late(self, command: Command) -> None:
        begun = time.monotonic()
        error = self.assertRaises(
            OrchestratorError, command.drain, server(), 'node'
        )
        self.assertLess(time.monotonic() - begun, PATIENCE)
        self.assertIn('[command] path drain did not end in 0.3', str(error))

    def test_it_takes_too_long(self) -> None:
        self.assert_late(self.command('exec sleep 600', timeout=0.3))


class TestDetached(CommandTest):
    def test_it_does_not_know(self) -> None:
        command = self.command('echo x; exit 1')
        self.assertEqual(frozenset(), command.detached())

    def test_it_knows(self) -> None:
        command = self.command(
            f'[ "$1" = detached ] && echo {A} && echo " {B.upper()} "; echo '
            'by the way >&2',
            lists_detached=True,
        )
        self.assertEqual({A, B}, command.detached())

    def test_nobody_is_out(self) -> None:
        command = self.command('echo; exit 0', lists_detached=True)
        self.assertEqual(frozenset(), command.detached())

    def test_it_lists_something_else(self) -> None:
        for printed in ('web-1', f'{A},{B}', f'{A} {B}', f'{A}\\033[2J'):
            command = self.command(f"printf '{printed}'", lists_detached=True)
            error = self.assertRaises(OrchestratorError, command.detached)
            self.assertIn('[command] lists_detached: path', str(error))
            self.assertTrue(str(error).isprintable())

    def test_it_fails(self) -> None:
        command = self.command('echo no access; exit 1', lists_detached=True)
        error = self.assertRaises(OrchestratorError, command.detached)
        self.assertIn(f'[command] path = {str(self.path)!r} ', str(error))
        self.assertIn('status 1: no access. Let it list', str(error))


class TestPath(CommandTest):
    def test_wrong(self) -> None:
        for path in (None, '', 'script', '/no/such/file', self.directory):
            error = self.assertRaises(
                ConfigError, self.command, 'exit 0', path=path
            )
            self.assertIn(f'[command] path = {path!r}', str(error))

    def test_others_could_change_it(self) -> None:
        error = self.assertRaises(
            ConfigError, self.command, 'exit 0', mode=0o777
        )
        self.assertIn(f'chmod go-w {self.path}', str(error))

    def test_it_goes_away(self) -> None:
        command = self.command('exit 0')
        os.unlink(self.path)
        error = self.assertRaises(
            OrchestratorError, command.drain, server(), 'node'
        )
        self.assertIn('[command] path', str(error))
