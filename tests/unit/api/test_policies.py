import os
import pathlib
import subprocess
import sys

from falcon import testing

from steal_scheduler.api import app, calls, policies
from steal_scheduler.exception import ConfigError
from tests.unit.api import rig

ROOT = pathlib.Path(__file__).parents[3]
SAMPLE = ROOT / 'etc/steal_scheduler/steal-api-policy.yaml.example'

#: What the script oslopolicy-sample-generator does.
_GENERATE = """
from oslo_policy import generator
generator.generate_sample(['--namespace', 'steal-api'])
"""

LOOKS = {call.name for call in calls.LOOKS}
ASKS = {call.name for call in calls.ASKS}
#: What a project may look at and ask of its own servers.
OWN_LOOKS = {'servers', 'server', 'moves', 'move', 'history'}
OWN_ASKS = {'server_skip', 'server_unskip'}

#: Who may do what, and what of it about their own project alone.
MAY = {
    'admin': (LOOKS | ASKS, set()),
    'system-reader': (LOOKS, set()),
    'member': (OWN_LOOKS | OWN_ASKS, OWN_LOOKS | OWN_ASKS),
    'reader': (OWN_LOOKS, OWN_LOOKS),
    'nobody': (set(), set()),
    'domain-admin': (set(), set()),
    'unscoped': (set(), set()),
}

#: Where something may stand in what a project is shown. All else is null.
SERVER = set(
    'server_id name project_id zone role steal load contended state '
    'moves_next reason skip_until'.split()
)
MOVE = set(
    'server_id name project_id stage since reason steal_before copied_mb '
    'copy_mb'.split()
)
ENDED = set(
    'server_id name project_id zone requested_at ended_at reason outcome '
    'steal_before steal_after seconds_out copied_mb relief_core_seconds '
    'source_of_truth'.split()
)
SHOWN_TO_A_PROJECT = {
    'servers': {f'servers.{name}' for name in SERVER},
    'server': {
        *SERVER,
        *('demand_low', 'demand_expected', 'demand_high', 'window'),
        'refusals.reason',
        *(f'move.{name}' for name in MOVE),
        *(f'last.{name}' for name in ENDED),
    },
    'moves': {f'moves.{name}' for name in MOVE},
    'move': MOVE,
    'history': {f'moves.{name}' for name in ENDED},
    'server_skip': {f'server.{name}' for name in SERVER},
    'server_unskip': {f'server.{name}' for name in SERVER},
}


class TestEveryRole(rig.ApiTestCase):
    """Each of them, against each call."""

    def test_everybody_is_tried(self) -> None:
        self.assertEqual({*rig.PEOPLE}, {*MAY})

    def test_who_may_what(self) -> None:
        for who, (may, own) in MAY.items():
            for call in calls.CALLS:
                self.leader.asked.clear()
                found = self.ask_for(who, call)
                with self.subTest(who=who, call=call.name):
                    if call.name not in may:
                        error = self.error(403, found)
                        self.assertIn(call.rule, error['message'])
                        self.assertEqual([], self.leader.asked)
                        continue
                    self.assertEqual(call.status, found.status_code)
                    [[asks, method, _]] = self.leader.asked
                    self.assertEqual(call.name, method)
                    scope = {'project_id': rig.MINE}
                    self.assertEqual(
                        scope if call.name in own else None, asks['scope']
                    )

    def test_nobody_without_a_token(self) -> None:
        for call in calls.CALLS:
            found = self.ask_for(None, call)
            self.error(401, found)
            self.assertEqual('Keystone', found.headers['www-authenticate'])
        self.assertEqual([], self.leader.asked)

    def test_who_asks_is_told(self) -> None:
        found = self.ask('member', 'GET', '/v1/moves')
        [[who, _, _]] = self.leader.asked
        self.assertEqual(
            {
                'user_id': 'member-id',
                'user_name': 'member',
                'project_id': rig.MINE,
                'roles': ['member', 'reader'],
                'request_id': found.headers['x-openstack-request-id'],
                'scope': {'project_id': rig.MINE},
            },
            who,
        )

    def test_a_client_cannot_say_who_it_is(self) -> None:
        forged = {'X-Roles': 'admin', 'X-Project-Id': rig.THEIRS}
        found = self.ask('nobody', 'GET', '/v1/summary', headers=forged)
        self.error(403, found)


class TestWhatAProjectSees(rig.ApiTestCase):
    """No host, no server of others, whatever the leader says."""

    def test_only_that(self) -> None:
        for call in calls.CALLS:
            if not call.of_a_project:
                continue
            found = self.ask_for('member', call)
            with self.subTest(call.name):
                shown = {*rig.texts(found.json)}
                self.assertEqual(SHOWN_TO_A_PROJECT[call.name], shown)
                self.assertNotIn(rig.THEIRS, found.text)

    def test_an_operator_sees_all(self) -> None:
        for call in calls.CALLS:
            said = rig.filled(call.answer, None)
            self.assertEqual(said, self.ask_for('admin', call).json)

    def test_one_of_another_project(self) -> None:
        """A leader that does not look whose it is."""
        for name in ('server', 'move'):
            self.leader.answers[name] = {
                'server_id': rig.SERVER_ID,
                'project_id': rig.THEIRS,
            }
            path = f'/v1/{name}s/{rig.SERVER_ID}'
            error = self.error(404, self.ask('member', 'GET', path))
            self.assertEqual('not_found', error['reason'])
            self.assertEqual(200, self.ask('admin', 'GET', path).status_code)

    def test_another_project_cannot_be_asked_for(self) -> None:
        for path in ('/v1/servers?', '/v1/history?since=60&'):
            other = f'{path}project={rig.THEIRS}'
            self.error(403, self.ask('member', 'GET', other))
            self.assertEqual([], self.leader.asked)
            own = f'{path}project={rig.MINE}'
            self.assertEqual(200, self.ask('member', 'GET', own).status_code)
            self.assertEqual(200, self.ask('admin', 'GET', other).status_code)
            self.leader.asked.clear()

    def test_a_host_cannot_be_guessed(self) -> None:
        """Whether servers are on a host says who is on it."""
        found = self.ask('member', 'GET', '/v1/servers?host=compute-1')
        self.error(403, found)
        self.assertEqual([], self.leader.asked)


class TestFile(rig.ApiTestCase):
    """What an operator's policy says counts more."""

    def client_of(self, text: str) -> testing.TestClient:
        [path] = self.create_tempfiles([('policy', text)], ext='.yaml')
        conf = self.configuration('[oslo_policy]', f'policy_file = {path}')
        return testing.TestClient(app.build(conf, self.leader, rig.login))

    def test_it_counts(self) -> None:
        client = self.client_of('"steal:looker": "role:reader"')
        found = client.simulate_get(
            '/v1/summary', headers={'X-Auth-Token': 'reader'}
        )
        self.assertEqual(200, found.status_code)

    def test_one_that_cannot_be_read(self) -> None:
        error = self.assertRaises(ConfigError, self.client_of, '"a: {')
        self.assertIn('[oslo_policy] policy_file', str(error))

    def test_tools_find_the_rules(self) -> None:
        """The sample is what the tool of oslo.policy writes."""
        made = subprocess.run(
            [*(sys.executable, '-W', 'ignore', '-c', _GENERATE)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, 'PYTHONPATH': str(ROOT)},
        )
        self.assertEqual(
            SAMPLE.read_text('utf-8').rstrip(),
            made.stdout.rstrip(),
            made.stderr,
        )

    def test_the_enforcer_for_tools(self) -> None:
        self.patch(sys, 'argv', ['oslopolicy-policy-generator'])
        self.assertIn('steal:pauses:set', policies.get_enforcer().rules)

    def test_every_rule_has_its_calls(self) -> None:
        found = {rule.name: rule for rule in policies.list_rules()}
        for call in calls.CALLS:
            operation = {'method': call.method, 'path': call.path}
            for name in {call.rule, call.rule_for_all}:
                self.assertEqual([operation], found.pop(name).operations)
        self.assertEqual({'steal:admin', 'steal:looker'}, {*found})
