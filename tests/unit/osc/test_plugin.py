import importlib.metadata
import subprocess
import sys

from steal_scheduler.api import calls
from tests.unit.api.rig import filled
from tests.unit.osc.rig import SHOP, ShellTestCase

#: What the README of no command has to tell: one for each.
COMMANDS = {
    'approval approve': f'approval approve {SHOP}',
    'approval list': 'approval list',
    'approval reject': f'approval reject {SHOP}',
    'history': 'history',
    'host drain': 'host drain tokyo1',
    'host list': 'host list',
    'host relieve': 'host relieve tokyo1',
    'host show': 'host show tokyo1',
    'move cancel': f'move cancel {SHOP}',
    'move create': f'move create {SHOP}',
    'move list': 'move list',
    'move show': f'move show {SHOP}',
    'pause': 'pause',
    'plan': 'plan',
    'relief': 'relief',
    'resume': 'resume',
    'server list': 'server list',
    'server show': f'server show {SHOP}',
    'server skip': f'server skip {SHOP}',
    'setting list': 'setting list',
    'summary': 'summary',
}
#: Those that stop what others have asked for.
STOPS = (f'server skip --stop {SHOP}', 'host drain --stop tokyo1')
#: These print nothing.
SILENT = ('approval approve', 'approval reject', 'resume')


def registered() -> set[str]:
    found = importlib.metadata.entry_points(group='openstack.steal.v1')
    return {each.name.replace('_', ' ') for each in found}


class TestCommands(ShellTestCase):
    def test_all_are_tried_here(self) -> None:
        self.assertEqual({f'steal {name}' for name in COMMANDS}, registered())

    def test_each_in_each_format(self) -> None:
        for name, command in COMMANDS.items():
            formats = ('json', 'yaml', 'value', 'table')
            for form in ('',) if name in SILENT else formats:
                with self.subTest(command, form=form):
                    option = f' -f {form}' if form else ''
                    ran = self.done(command + option)
                    self.assertEqual(name in SILENT, not ran.out)

    def test_each_of_the_longest(self) -> None:
        for name in ('host', 'move', 'server'):
            short = self.rows(f'{name} list')
            long = self.rows(f'{name} list --long')
            self.assertLess(short[0].keys(), long[0].keys())
        self.assertIn('Project', self.rows('history --long')[0])

    def test_all_that_steal_api_answers_is_asked_for(self) -> None:
        for command in (*COMMANDS.values(), *STOPS):
            self.done(command)
        methods = {method for _, method, _ in self.leader.asked}
        every = {call.name for call in calls.CALLS} | {'reject'}
        self.assertEqual(every, methods)

    def test_whose_answers_are_empty(self) -> None:
        """Nothing is known of anything: no command minds."""
        for call in calls.CALLS:
            shape = filled(call.answer, None)
            self.leader.answers[call.name] = dict.fromkeys(shape)
        for name, command in COMMANDS.items():
            with self.subTest(name):
                ran = self.steal(command)
                nothing_leaves = name == 'host relieve'
                self.assertEqual(2 if nothing_leaves else 0, ran.status)
                self.assertNotIn('Traceback', ran.err)

    def test_a_hint_for_a_program_that_completes(self) -> None:
        said = self.openstack([], 'complete').out
        self.assertIn('cmds_steal_server=', said)
        self.assertIn('cmds_steal_move_create=', said)
        for option in ('--wait', '--reason', '--timeout'):
            self.assertRegex(
                said, f'cmds_steal_host_relieve=.*{option}', option
            )

    def test_help(self) -> None:
        for name in COMMANDS:
            with self.subTest(name):
                ran = self.openstack([], f'help steal {name}')
                self.assertEqual(0, ran.status)
                self.assertIn(f' steal {name} [-h]', ran.out)


class TestVersion(ShellTestCase):
    def test_it_is_an_option(self) -> None:
        ran = self.steal('summary')
        self.assertEqual(0, ran.status)
        login = ['--os-auth-type', 'admin_token', '--os-token', 'admin']
        login += ['--os-endpoint', self.url, '--os-steal-api-version']
        self.assertEqual(
            0, self.openstack([*login, '1'], 'steal summary').status
        )
        ran = self.openstack([*login, '7'], 'steal summary')
        self.assertEqual(2, ran.status)
        self.assertIn('steal API version 7 is not in supported', ran.err)


class TestLoading(ShellTestCase):
    def test_other_commands_do_not_pay(self) -> None:
        """Each openstack command loads the plug-in, and little with it."""
        program = (
            'import sys; import steal_scheduler.osc.plugin; '
            "print([n for n in sys.modules if n.startswith('steal_sch')])"
        )
        said = subprocess.run(
            [sys.executable, '-c', program],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        ours = ['steal_scheduler', 'steal_scheduler.osc']
        self.assertEqual(f'{[*ours, "steal_scheduler.osc.plugin"]}\n', said)
