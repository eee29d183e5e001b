"""steal-status finds mistakes by name: each alone in a right configuration."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nova.conf import CONF

from steal_scheduler.cmd import status
from steal_scheduler.demo import users
from tests.functional.scene import Guest
from tests.unit.deployment import run_it

scene = one.scene
setUpModule = one.set_up()

#: What is changed of the signals.
Lie = Callable[[dict[str, Any]], None]
SUCCESS, WARNING, FAILURE = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Mistake:
    """What somebody did wrong, and what he is told."""

    name: str
    #: The check that finds it, and how bad it is.
    check: str
    code: int
    #: What and where it is, its value, and the cure.
    words: Sequence[str]
    #: Section -> option -> value; ``{directory}`` is one of the test.
    options: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=dict
    )
    user: users.User | None = None
    lie: Lie | None = None
    #: Options of nova.conf, as nova-scheduler has them.
    filter_scheduler: Mapping[str, Any] = dataclasses.field(
        default_factory=dict
    )
    tag: str = ''


def forget_host(told: dict[str, Any]) -> None:
    del told['hosts']['a2']


def forget_servers(told: dict[str, Any]) -> None:
    told['servers'].clear()


def grow_old(told: dict[str, Any]) -> None:
    told['taken_at'] -= 3600


MISTAKES = (
    Mistake(
        'a section is misspelt',
        'Configuration',
        WARNING,
        ['[limts] in ', 'Did you mean [limits]?'],
        {'limts': {'slots': 1}},
    ),
    Mistake(
        'an option is misspelt',
        'Configuration',
        WARNING,
        ['[limits] blackot in ', 'Did you mean blackout?'],
        {'limits': {'blackot': '09:00-17:00'}},
    ),
    Mistake(
        'an option is in another section',
        'Configuration',
        WARNING,
        ['[limits] poll_interval in ', 'Did you mean that of [migrator]?'],
        {'limits': {'poll_interval': 60}},
    ),
    Mistake(
        'role for roles',
        'Configuration',
        WARNING,
        ['[command] role in ', 'Did you mean roles?'],
        {'command': {'role': 'web'}},
    ),
    Mistake(
        'nobody names the section of an orchestrator',
        'Configuration',
        WARNING,
        ['[prod] in ', 'Name it in [migrator] orchestrators'],
        {'prod': {'driver': 'noop'}},
    ),
    Mistake(
        'thresholds contradict each other',
        'Configuration',
        WARNING,
        ['[hosts] host_steal_threshold = 50 percent', 'Lower the first one'],
        {'hosts': {'host_steal_threshold': 50}},
    ),
    Mistake(
        'a value of the wrong kind',
        'Configuration',
        FAILURE,
        ['[limits] slots = many: ', 'Give 1 to 1000 servers', 'Correct it'],
        {'limits': {'slots': 'many'}},
    ),
    Mistake(
        'a lease shorter than a call',
        'Configuration',
        FAILURE,
        ['[migrator] lease = 20 is too short', '(unit: seconds)'],
        {'migrator': {'lease': 20}},
    ),
    Mistake(
        'an orchestrator without a section',
        'Configuration',
        FAILURE,
        ['[migrator] orchestrators = prod', 'no section [prod]', 'Give one'],
        {'migrator': {'orchestrators': 'prod'}},
    ),
    Mistake(
        'the executable is not there',
        'Configuration',
        FAILURE,
        ["[command] path = '/no/such' is no executable", 'correct the path'],
        {'command': {'path': '/no/such'}},
    ),
    Mistake(
        'a kubeconfig that is not there',
        'Configuration',
        FAILURE,
        ["[kubernetes] kubeconfig = '/no/such': ", 'Give a kubeconfig'],
        {
            'migrator': {'orchestrators': 'kubernetes'},
            'kubernetes': {'kubeconfig': '/no/such'},
        },
    ),
    Mistake(
        'an auth_url without http',
        'Configuration',
        FAILURE,
        ["[nova] auth_url = 'controller:5000/v3'", 'Use, for example, http'],
        {'nova': {'auth_url': 'controller:5000/v3'}},
    ),
    Mistake(
        'a message bus that there is not',
        'Configuration',
        FAILURE,
        ['[DEFAULT] transport_url', 'Write it as in nova.conf'],
        {'DEFAULT': {'transport_url': 'rabit://127.0.0.1/'}},
    ),
    Mistake(
        'a broker that is closed',
        'Message bus',
        FAILURE,
        ['[DEFAULT] transport_url: ', 'refused', 'that the broker runs'],
        {'DEFAULT': {'transport_url': 'rabbit://me:hush@127.0.0.1:1/'}},
    ),
    Mistake(
        'a lock that cannot be written',
        'Lock store',
        FAILURE,
        ["[migrator] lock_url = 'file:///dev/null/x'", 'may write to'],
        {'migrator': {'lock_url': 'file:///dev/null/x'}},
    ),
    Mistake(
        'a wrong password',
        'Nova',
        FAILURE,
        ['Keystone refuses the user of [nova]', 'Check username, password'],
        {'nova': {'password': 'mistyped'}},
    ),
    Mistake(
        'a region that there is not',
        'Nova',
        FAILURE,
        ["Keystone's catalog names none", 'Correct [nova] region_name'],
        {'nova': {'region_name': 'Nowhere'}},
    ),
    Mistake(
        'a user without rights',
        'Nova',
        FAILURE,
        ['The user of [nova] lacks rights', 'Give it a role that'],
        user=users.ALICE,
    ),
    Mistake(
        'a Prometheus that does not answer',
        'Signals',
        FAILURE,
        ['http://127.0.0.1:1: [prometheus]', 'Check url'],
        {
            'signals': {'source': 'prometheus'},
            'prometheus': {'url': 'http://127.0.0.1:1', 'window': 5},
            'migrator': {'poll_interval': 60},
        },
    ),
    Mistake(
        'a file of signals that nobody writes',
        'Signals',
        FAILURE,
        ['[static] path = /no/such cannot be read', 'Let this service'],
        {'static': {'path': '/no/such'}},
    ),
    Mistake(
        'signals of an hour ago',
        'Signals',
        FAILURE,
        ['[static] path = ', 'taken_at = ', '[signals] max_age = 120'],
        lie=grow_old,
    ),
    Mistake(
        'servers that nobody measures',
        'Signals',
        FAILURE,
        ['only 0 percent', '[limits] coverage_floor = 80', 'one (', 'look at'],
        lie=forget_servers,
    ),
    Mistake(
        'a host that nobody measures',
        'Signals',
        WARNING,
        ['Metrics of hosts a2 are unreliable (reason=stale)', 'scraped?'],
        lie=forget_host,
    ),
    Mistake(
        'a filter that is not enabled',
        'Plug-ins in nova-scheduler',
        WARNING,
        ['does not enable StealFilter', 'Name them in [filter_scheduler]'],
        filter_scheduler={'enabled_filters': ['SameAvailabilityZoneFilter']},
    ),
    Mistake(
        'an orchestrator that says no',
        'Orchestrators',
        FAILURE,
        ['[command] path = ', 'with status 3', 'or unset lists_detached'],
        {'command': {'lists_detached': True, 'path': '{directory}/refuses'}},
    ),
    Mistake(
        'a tag of another key',
        'Tags',
        WARNING,
        ['[migrator] tag_keys', 'The leader removes them'],
        tag='steal:drain:1',
    ),
)


class TestUpgradeCheck(loop.LoopTestCase):
    scene = scene

    def setUp(self) -> None:
        super().setUp()
        (self.server,) = scene.boot(Guest('one', 'a1'), owner=users.ADMIN)
        refuses = self.directory / 'refuses'
        refuses.write_text('#!/bin/sh\nexit 3\n')
        refuses.chmod(0o755)

    def config(self, mistake: Mistake | None) -> pathlib.Path:
        if mistake is None:
            return self.config_file()
        if mistake.user is not None:
            return self.config_file_of(mistake.user)
        options = {
            section: {
                name: str(value).replace('{directory}', str(self.directory))
                for name, value in values.items()
            }
            for section, values in mistake.options.items()
        }
        return self.config_file(**options)

    @contextlib.contextmanager
    def made(self, mistake: Mistake | None) -> Iterator[pathlib.Path]:
        """Do it, and what was before again."""
        tags = f'/servers/{self.server}/tags'
        enabled = mistake.filter_scheduler if mistake else {}
        scene.lie = mistake.lie if mistake else None
        scene.measure()
        if mistake and mistake.tag:
            scene.call('PUT', f'{tags}/{mistake.tag}')
        for name, value in enabled.items():
            CONF.set_override(name, value, group='filter_scheduler')
        try:
            yield self.config(mistake)
        finally:
            for name in enabled:
                CONF.clear_override(name, group='filter_scheduler')
            if mistake and mistake.tag:
                scene.call('DELETE', f'{tags}/{mistake.tag}')

    def check(self, mistake: Mistake | None) -> tuple[int, dict[str, Any]]:
        """The exit status, and each check with its result."""
        with self.made(mistake) as config:
            code, said, complaint = run_it(
                status.main,
                f'--config-file={config}',
                *('upgrade', 'check', '--json'),
            )
        self.assertNotIn('Traceback', said + complaint)
        return code, {c['check']: c for c in json.loads(said)['checks']}

    def test_what_is_right(self) -> None:
        code, checks = self.check(None)
        self.assertEqual(
            dict.fromkeys(checks, SUCCESS),
            {name: each['result'] for name, each in checks.items()},
            checks,
        )
        self.assertEqual(SUCCESS, code)

    def test_each_mistake_is_named(self) -> None:
        self.assertGreaterEqual(len(MISTAKES), 20)
        for mistake in MISTAKES:
            with self.subTest(mistake.name):
                code, checks = self.check(mistake)
                found = checks[mistake.check]
                self.assertEqual(mistake.code, found['result'], found)
                for word in mistake.words:
                    self.assertIn(word, found['details'])
                self.assertLessEqual(mistake.code, code)
