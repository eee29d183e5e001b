import dataclasses
import json
import logging
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import fixtures
from hypothesis import given
from hypothesis import strategies as st
from oslotest import base
from pycadf import attachment, event, reason, resource

from steal_scheduler.decision.decide import NOTHING, Decision
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.move import Outcome, Stage
from steal_scheduler.model.pause import Pause, Scope
from steal_scheduler.model.refusal import Reason, Refusal
from steal_scheduler.model.relief import Relief
from steal_scheduler.reporting.audit import Audit
from steal_scheduler.reporting.refused import MOST
from tests.unit import (
    fakes,
    strategies,  # noqa: F401 (hypothesis' settings)
)
from tests.unit.make import NOW, ended, finding, fleet, move, server, snapshot
from tests.unit.rig import Rig

WHO = {
    'user_id': 'u-1',
    'user_name': 'alice',
    'project_id': 'p-1',
    'roles': ['admin'],
    'request_id': 'req-1',
}

ETC = Path(__file__).parents[3] / 'etc/steal_scheduler'
#: A program with our logging, that leads for a while.
LOGS = """
import logging, sys
from steal_scheduler import startup
from steal_scheduler.conf import load
from steal_scheduler.messaging.notifier import Notifier
from steal_scheduler.reporting.audit import Audit

conf = load.load([f'--config-file={sys.argv[1]}'], 'test')
startup.set_up_log(conf)
logging.getLogger('steal_scheduler.x').warning('a plain line')
audit = Audit(Notifier(conf))
audit.leads(1)
audit.leads(None)
"""


def valid(told: dict[str, Any]) -> bool:
    """Whether pycadf, which OpenStack's services use, can make it."""
    # NOTE: of an id that is no UUID it only warns.
    warnings.filterwarnings('ignore', module='pycadf')
    parts = {k: told[k] for k in ('id', 'eventType', 'eventTime')}
    for name in ('initiator', 'target', 'observer'):
        keys = {k: told[name][k] for k in ('id', 'typeURI')}
        parts[name] = resource.Resource(name=told[name].get('name'), **keys)
    if 'reason' in told:
        parts['reason'] = reason.Reason(**told['reason'])
    # It raises ValueError for what is none.
    made = event.Event(action=told['action'], outcome=told['outcome'], **parts)
    for one in told['attachments']:
        made.add_attachment(attachment.Attachment(**one))
    assert told.keys() <= {*event.EVENT_KEYNAMES}, told
    assert made.as_dict()['typeURI'] == told['typeURI']
    return bool(made.is_valid())


class TestAudit(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(
            fixtures.FakeLogger('steal_scheduler.audit', logging.INFO)
        )
        self.notifier = fakes.FakeNotifier()
        notifier: Any = self.notifier
        self.audit = Audit(notifier)
        self.said = 0

    def told(self) -> list[dict[str, Any]]:
        """The lines since the last time: each is valid, and was sent."""
        lines = self.log.output.splitlines()
        new, self.said = lines[self.said :], len(lines)
        events = [json.loads(line) for line in new]
        self.assertEqual(
            events, self.notifier.audited[len(lines) - len(new) :]
        )
        for each in events:
            self.assertTrue(valid(each), each)
        return events

    def content(self) -> dict[str, Any]:
        (one,) = self.told()
        (attached,) = one['attachments']
        content: dict[str, Any] = attached['content']
        return content

    def test_a_request(self) -> None:
        args = {'server_id': 's', 'reason': 'it\nhurts', 'password': 'x'}
        self.audit.asked(WHO, 'move_create', args)
        (one,) = self.told()
        self.assertEqual(
            ('start/move_create', 'success', 'control'),
            (one['action'], one['outcome'], one['eventType']),
        )
        self.assertEqual(
            {
                'typeURI': 'service/security/account/user',
                'id': 'u-1',
                'name': 'alice',
                'project_id': 'p-1',
                'request_id': 'req-1',
            },
            one['initiator'],
        )
        self.assertEqual('s', one['target']['id'])
        # What nobody knows is not told: it may be a secret.
        self.assertEqual(
            {'server_id': 's', 'reason': 'it hurts'},
            one['attachments'][0]['content'],
        )

    def test_a_request_that_is_refused(self) -> None:
        no = {'reason': 'conflict', 'text': 'it is locked'}
        self.audit.asked(WHO, 'host_drain', {'host': 'a'}, no)
        (one,) = self.told()
        self.assertEqual('failure', one['outcome'])
        self.assertEqual('conflict', one['reason']['reasonCode'])
        self.assertEqual('compute/node', one['target']['typeURI'])
        self.assertEqual(
            'it is locked', one['attachments'][0]['content']['detail']
        )

    def test_what_it_is_about(self) -> None:
        for args, target in (
            ({'scope': 'cloud', 'name': ''}, 'the cloud'),
            ({'scope': 'zone', 'name': 'az1'}, 'zone az1'),
            ({'scope': 'host', 'name': 'a'}, 'host a'),
        ):
            self.audit.asked({}, 'pause', args)
            (one,) = self.told()
            self.assertEqual(target, one['target']['id'])
            self.assertEqual('unknown', one['initiator']['id'])

    @given(
        who=st.dictionaries(st.sampled_from([*WHO]), st.text() | st.none()),
        args=st.dictionaries(
            st.sampled_from(['server_id', 'host', 'name', 'scope', 'reason']),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(),
                lambda inner: (
                    st.lists(inner) | st.dictionaries(st.text(), inner)
                ),
            ),
        ),
        said=st.text(),
    )
    def test_whatever_is_asked(self, who: Any, args: Any, said: str) -> None:
        """One line of bounded length, whatever a person or tenant writes."""
        logging.getLogger('steal_scheduler.audit').setLevel(logging.WARNING)
        args = {**args, 'until': said * 1000}
        self.audit.asked(who, 'pause', args, {'reason': said, 'text': said})
        one = self.notifier.audited.pop()
        self.assertTrue(valid(one))
        line = json.dumps(one)
        self.assertEqual(1, len(line.splitlines()))
        self.assertLess(len(line), 16_000)

    def test_a_move(self) -> None:
        bad = 'web\r\n{"action": "x"}\x1b[2J'
        self.audit.began(move(name=bad, reason='it waits', project_id='p'))
        (one,) = self.told()
        self.assertEqual(
            ('start/move', 'pending', 's', 'web {"action": "x"}?[2J', 'p'),
            (
                one['action'],
                one['outcome'],
                *(one['target'][k] for k in ('id', 'name', 'project_id')),
            ),
        )
        content = one['attachments'][0]['content']
        self.assertEqual(('a', None), (content['source'], content['target']))
        for outcome, word in (
            (Outcome.HELPED, 'success'),
            (Outcome.NOT_HELPED, 'success'),
            (Outcome.FAILED, 'failure'),
            (Outcome.NOT_STARTED, 'failure'),
            (Outcome.GONE, 'unknown'),
        ):
            self.audit.ended(ended(outcome=outcome, steal_after=0.01))
            (one,) = self.told()
            self.assertEqual(
                (word, outcome), (one['outcome'], one['reason']['reasonCode'])
            )
        relief = Relief(NOW, 257.4, 900.0, over=True)
        self.audit.relieved(ended(), relief)
        self.assertEqual(257.4, self.content()['relief_core_seconds'])

    def test_refusals_that_change(self) -> None:
        known = fleet(*(server(s, project_id='p') for s in 'xy'))

        def show(*refused: tuple[str | None, Reason]) -> list[Any]:
            decided = dataclasses.replace(
                NOTHING,
                findings=(finding('x'),),
                refusals=tuple(Refusal(r, 'why', s) for s, r in refused),
            )
            self.audit.show(snapshot(known), decided)
            return [
                (each['target']['id'], each['reason']['reasonCode'])
                for each in self.told()
            ]

        # y is not contended.
        locked = show(('x', Reason.LOCKED), ('y', Reason.LOCKED))
        self.assertEqual([('x', 'locked')], locked)
        self.assertEqual([], show(('x', Reason.LOCKED)))
        self.assertEqual([('x', 'slot_cloud')], show(('x', Reason.SLOT_CLOUD)))
        self.assertEqual([('the cloud', 'nova')], show((None, Reason.NOVA)))
        self.assertEqual([], show((None, Reason.NOVA)))
        self.assertEqual([('x', 'slot_cloud')], show(('x', Reason.SLOT_CLOUD)))

    def test_refusals_of_many(self) -> None:
        """A tenant cannot fill the disk."""
        ids = [f's{n}' for n in range(MOST + 7)]
        decided = dataclasses.replace(
            NOTHING,
            findings=tuple(map(finding, ids)),
            refusals=tuple(Refusal(Reason.LOCKED, 'why', s) for s in ids),
        )
        known = fleet(*(server(s, project_id='p') for s in ids))
        self.audit.show(snapshot(known), decided)
        *first, last = self.told()
        self.assertEqual(MOST, len(first))
        self.assertEqual('p', last['target']['id'])
        self.assertEqual({'more': 7}, last['attachments'][0]['content'])

    def paused(self, *pauses: Pause) -> Snapshot:
        return snapshot(dataclasses.replace(fleet(), pauses=pauses))

    def test_pauses(self) -> None:
        one = Pause(Scope.HOST, 'a', NOW + 60, 'alice: a kernel')
        nothing: Decision = NOTHING
        self.audit.show(self.paused(one), nothing)
        (told,) = self.told()
        self.assertEqual('disable/moves', told['action'])
        self.assertEqual('host a', told['target']['id'])
        self.assertEqual(
            'alice: a kernel', told['attachments'][0]['content']['reason']
        )
        self.audit.show(self.paused(one), nothing)
        self.assertEqual([], self.told())
        self.audit.show(self.paused(), nothing)
        (told,) = self.told()
        self.assertEqual('enable/moves', told['action'])

    def test_leadership(self) -> None:
        for number in (None, 3, 3, None, None):
            self.audit.leads(number)
        self.assertEqual(
            [('start/leadership', 3), ('stop/leadership', 3)],
            [
                (one['action'], one['attachments'][0]['content']['number'])
                for one in self.told()
            ],
        )


class TestWhole(base.BaseTestCase):
    def test_a_cure(self) -> None:
        """What a migrator tells from its start to its stop."""
        rig = Rig()
        rig.overload()
        for _ in range(100):
            rig.tick()
            rig.nova.record()
            rig.nova.proceed('completed', 'x')
            rig.nova.proceed('completed', 'y')
            rig.nova.proceed('completed', 'z')
        rig.migrator.stop()
        rig.migrator.run()
        told = [each['action'] for each in rig.notifier.audited]
        self.assertEqual('start/leadership', told[0])
        self.assertEqual('stop/leadership', told[-1])
        self.assertLess(told.index('start/move'), told.index('stop/move'))
        self.assertEqual(told.count('start/move'), told.count('stop/move'))
        self.assertEqual(0, len(rig.migrator.moves), Stage)
        for each in rig.notifier.audited:
            self.assertTrue(valid(each), each)


class TestRouting(base.BaseTestCase):
    """What the sample does with logging: the audit has a file of its own."""

    def logged(self, directory: Path, more: str = '') -> str:
        """What a process says that leads for a while."""
        conf = directory / 'test.conf'
        conf.write_text(f'[DEFAULT]\ntransport_url = fake:/\n{more}\n')
        ran = subprocess.run(
            [sys.executable, '-c', LOGS, str(conf)],
            capture_output=True,
            text=True,
        )
        self.assertEqual(0, ran.returncode, ran.stderr)
        return ran.stdout + ran.stderr

    def test_the_example(self) -> None:
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        text = (ETC / 'logging.conf.example').read_text('utf-8')
        path = '/var/log/steal-scheduler'
        self.assertIn(path, text)
        logging_conf = directory / 'logging.conf'
        logging_conf.write_text(text.replace(path, str(directory)))
        said = self.logged(directory, f'log_config_append = {logging_conf}')
        lines = (directory / 'audit.log').read_text().splitlines()
        self.assertEqual(
            ['start/leadership', 'stop/leadership'],
            [json.loads(line)['action'] for line in lines],
        )
        self.assertIn('a plain line', said)
        self.assertNotIn('leadership', said)

    def test_the_default(self) -> None:
        """Nobody has to set up anything to have an audit."""
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        said = self.logged(directory)
        told = re.findall(r'(\{.*\})$', said, re.MULTILINE)
        self.assertEqual(2, len([json.loads(line) for line in told]), said)
        # A notification does not pass for a request that is worked on.
        self.assertEqual(3, said.count(' [-] '), said)

    def test_none(self) -> None:
        directory = Path(self.useFixture(fixtures.TempDir()).path)
        levels = 'default_log_levels = steal_scheduler.audit=WARN'
        self.assertNotIn('leadership', self.logged(directory, levels))
