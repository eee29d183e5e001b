import dataclasses
import json
import os
import time

import fixtures
from oslotest import base

from steal_scheduler.exception import (
    ConfigError,
    NovaFault,
    OrchestratorError,
    SignalError,
)
from steal_scheduler.migrator import build, checks
from steal_scheduler.model.scheduler import CLASSES, Scheduler
from tests.standins import nova_api
from tests.unit.deployment import Deployment


class ChecksTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.deployment = self.useFixture(Deployment())

    def built(self) -> build.Components:
        return build.build(self.deployment.conf())


class TestChecks(ChecksTest):
    def test_all_is_well(self) -> None:
        for name, check in checks.CHECKS.items():
            self.assertIsNone(check(self.built()), name)

    def test_orchestrators_are_all_named(self) -> None:
        more = (
            '[migrator]\norchestrators = one, two, noop\n'
            '[one]\ndriver = command\npath = /bin/false\n'
            'lists_detached = True\n'
            '[two]\ndriver = command\npath = /bin/false\n'
            'lists_detached = True\n'
        )
        self.deployment = self.useFixture(Deployment(more))
        error = self.assertRaises(
            OrchestratorError, checks.orchestrators, self.built()
        )
        self.assertIn('[one] path', str(error))
        self.assertIn('[two] path', str(error))

    def test_placement_does_not_let_us(self) -> None:
        answers = self.deployment.nova.instead
        answers['GET /allocation_candidates'] = nova_api.fault(403)
        said = checks.placement(self.built())
        self.assertIn('Placement refuses the user of [nova]', said or '')

    def test_pauses_that_are_in_force(self) -> None:
        ours = {
            'id': 1,
            'name': 'steal-scheduler',
            'hosts': [],
            'metadata': {
                'steal:pause:host:a': 'forever alice: a new kernel',
                'steal:pause:host:b': '2026-01-01T00:00Z',
                'steal:drain:host:a': 'true bob: new memory',
                'steal:drain:host:b': 'soon',
            },
            'availability_zone': None,
        }
        answers = self.deployment.nova.instead
        answers['GET /os-aggregates'] = (200, {'aggregates': [ours]})
        self.assertEqual(
            'Moves of host a are paused until somebody resumes by '
            'steal:pause:host:a of aggregate steal-scheduler (alice: a new '
            'kernel).\nHost a is emptied until somebody ends it by '
            'steal:drain:host:a of aggregate steal-scheduler (bob: new '
            'memory).\nAn order empties no host: not emptied by '
            'steal:drain:host:b of aggregate steal-scheduler (its value '
            "'soon' says no time: write for example 2026-11-29T14:00Z, or "
            'true).',
            checks.active_pauses(self.built()),
        )

    def test_the_lock_leaves_nothing_behind(self) -> None:
        checks.lock_store(self.built())
        directory = os.path.join(self.deployment.directory, 'lock')
        self.assertEqual(
            [],
            [
                file
                for _, _, files in os.walk(directory)
                for file in files
                if 'probe' in file
            ],
        )

    def test_the_lock_of_a_leader_stays_its_own(self) -> None:
        leader = self.built().leader
        self.assertTrue(leader.acquire())
        self.addCleanup(leader.release)
        checks.lock_store(self.built())
        leader.renew()
        self.assertGreater(leader.left, 0)

    def test_a_lock_that_cannot_be_written(self) -> None:
        def touch(*_: object) -> None:
            raise PermissionError('[Errno 13] Permission denied')

        self.useFixture(fixtures.MonkeyPatch('pathlib.Path.touch', touch))
        error = self.assertRaises(ConfigError, checks.lock_store, self.built())
        self.assertIn('[migrator] lock_url: [Errno 13] ', str(error))
        self.assertIn('Let this service write to /', str(error))


class TestSignals(ChecksTest):
    def signals(self, **changes: object) -> str | None:
        path = self.deployment.directory + '/signals.json'
        with open(path) as file:
            told = json.load(file)
        self.deployment.write('signals.json', json.dumps(told | changes))
        return checks.signals(self.built())

    def error(self, **changes: object) -> str:
        error = self.assertRaises(SignalError, self.signals, **changes)
        return str(error)

    def test_no_answer(self) -> None:
        os.unlink(self.deployment.directory + '/signals.json')
        error = self.assertRaises(SignalError, checks.signals, self.built())
        self.assertIn('[static] path = ', str(error))

    def test_they_are_old(self) -> None:
        self.assertIn('taken_at', self.error(taken_at=time.time() - 3600))

    def test_servers_without_a_signal(self) -> None:
        error = self.error(servers={})
        self.assertIn('only 0 percent of the running servers', error)
        self.assertIn('[limits] coverage_floor = 80 percent', error)
        self.assertIn('none of servers name-x (x), name-y (y): look at', error)

    def test_hosts_that_nova_does_not_know(self) -> None:
        error = self.error(
            servers={'x': {'host': 'u1', 'used': 3.0, 'waited': 1.0}},
            hosts={'u1': {'cores': 8.0}},
        )
        self.assertIn(
            '1 hosts have signals, none is a Nova host: labels u1; '
            "Nova's hosts a (192.0.2.1, a.example.org), b (192",
            error,
        )

    def test_hosts_by_another_name(self) -> None:
        hosts = {f'{name}.example.org': {'cores': 8.0} for name in 'abc'}
        busy = {'host': 'A.example.org', 'used': 3.0, 'waited': 1.0}
        self.assertIsNone(
            self.signals(servers={'x': busy, 'y': busy}, hosts=hosts)
        )

    def test_a_host_without_a_signal(self) -> None:
        said = self.signals(hosts={name: {'cores': 8.0} for name in 'ab'})
        assert said is not None
        self.assertIn('Metrics of hosts c are unreliable (reason=stale)', said)
        self.assertIn('no signal tells of it', said)

    def test_a_metric_without_a_sample(self) -> None:
        built = self.built()
        self.useFixture(
            fixtures.MockPatchObject(
                built.source, 'silent', return_value=['servers.load']
            )
        )
        self.assertEqual(
            'No sample answers to queries servers.load.', checks.signals(built)
        )

    def test_what_the_source_advises(self) -> None:
        built = self.built()
        self.useFixture(
            fixtures.MockPatchObject(
                built.source, 'advice', return_value=['Scrape more often']
            )
        )
        self.assertEqual('Scrape more often.', checks.signals(built))

    def test_a_window_of_several_polls(self) -> None:
        said = self.signals(window=240)
        self.assertIn('window = 240 seconds is longer than [migrator]', said)

    def test_without_nova(self) -> None:
        answers = self.deployment.nova.instead
        answers['GET /servers/detail'] = nova_api.fault(503)
        said = self.signals()
        assert said is not None
        self.assertIn('Not compared with the servers that Nova runs', said)


class TestSchedulers(ChecksTest):
    """Who answers is what ``tests/unit/messaging/test_probe.py`` is about."""

    def schedulers(self, *heard: Scheduler, hosts: str = '') -> str | None:
        services = [
            {**nova_api.service(name), 'binary': 'nova-scheduler'}
            for name in hosts
        ]
        self.deployment.nova.instead['GET /os-services'] = (
            200,
            {'services': services},
        )
        self.useFixture(
            fixtures.MockPatch(
                'steal_scheduler.messaging.probe.Probe.ask',
                return_value={each.host: each for each in heard},
            )
        )
        return checks.schedulers(self.built())

    def heard(self, host: str, *classes: str) -> Scheduler:
        return Scheduler(host, 0.0, classes, 1000, time.time(), worker=42)

    def test_all_answer(self) -> None:
        self.assertIsNone(
            self.schedulers(self.heard('a', *CLASSES), hosts='a')
        )

    def test_one_does_not(self) -> None:
        said = self.schedulers(self.heard('a', *CLASSES), hosts='abc')
        assert said is not None
        self.assertIn('nova-scheduler of hosts b, c does not answer', said)
        self.assertIn('StealFilter and StealWeigher', said)

    def test_a_class_is_not_enabled(self) -> None:
        said = self.schedulers(
            self.heard('a', 'StealFilter', 'SameAvailabilityZoneFilter'),
            hosts='a',
        )
        assert said is not None
        self.assertIn('hosts a does not enable StealWeigher', said)

    def test_nova_shows_it_some_of_the_hosts(self) -> None:
        for most, hosts in ((0, '0 of the 1 hosts'), (1, None)):
            heard = dataclasses.replace(
                self.heard('a', *CLASSES), max_placement_results=most
            )
            said = self.schedulers(heard, hosts='a')
            if hosts is None:
                self.assertIsNone(said)
                continue
            assert said is not None
            self.assertIn(f'nova-scheduler of host a only {hosts}', said)
            self.assertIn('raise [scheduler] max_placement_results', said)

    def test_one_of_an_older_release(self) -> None:
        old = dataclasses.replace(self.heard('b', *CLASSES), worker=0)
        said = self.schedulers(self.heard('a', *CLASSES), old, hosts='ab')
        assert said is not None
        self.assertIn('hosts b is of an older release', said)

    def test_nova_does_not_tell_where_they_are(self) -> None:
        answers = self.deployment.nova.instead
        answers['GET /os-services'] = nova_api.fault(503)
        said = checks.schedulers(self.built())
        assert said is not None
        self.assertIn('Not asked, as Nova does not tell', said)


class TestTags(ChecksTest):
    def test_nova_does_not_answer(self) -> None:
        answers = self.deployment.nova.instead
        answers['GET /servers/detail'] = nova_api.fault(503)
        self.assertRaises(NovaFault, checks.signed_tags, self.built())
