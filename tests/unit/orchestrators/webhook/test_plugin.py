import pathlib
import time

import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.proposal import Notice
from steal_scheduler.model.until import iso
from steal_scheduler.orchestrators.base import Answer, State
from steal_scheduler.orchestrators.webhook.plugin import Webhook
from tests.standins.app import hang_up
from tests.standins.transport import mounted, served
from tests.standins.webhook import KEY, SECRET, Receiver, signed_by
from tests.unit.make import NOW, server
from tests.unit.orchestrators.webhook import rig

URL = 'http://192.0.2.1:8040/steal?by=us'
ID = '5c3f1d0a-1111-4222-8333-444455556666'
TAG = 'steal:drain:1795334400:26.1'


class WebhookTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.receiver = Receiver()
        self.enterContext(mounted({'http://192.0.2.1:8040': self.receiver}))

    def webhook(self, section: str = 'webhook', **options) -> Webhook:
        options.setdefault('url', URL)
        conf = rig.options(self.directory, **options)
        if section != 'webhook':
            conf.register_opts(Webhook.OPTS, group=section)
            for name, value in dict(conf.webhook).items():
                conf.set_override(name, value, group=section)
        return Webhook(conf, section)


class TestRequest(WebhookTest):
    def test_what_is_said(self) -> None:
        about = server(
            '5c3f',
            name='web "1"',
            role='web',
            project_id='p1',
            addresses=('10.0.0.5', '2001:db8::5'),
            metadata={'role': 'web', 'a': '\N{SNOWMAN}\n'},
        )
        webhook = self.webhook()
        webhook.leadership = 7
        webhook.drain(about, 'node-1')
        (document,) = self.receiver.documents()
        self.assertEqual(
            {
                'type': 'server.drain',
                'orchestrator': 'webhook',
                'leadership': 7,
                'node': 'node-1',
                'server': {
                    'id': '5c3f',
                    'name': 'web "1"',
                    'host': 'a',
                    'zone': 'az1',
                    'role': 'web',
                    'project': 'p1',
                    'addresses': ['10.0.0.5', '2001:db8::5'],
                    'metadata': {'role': 'web', 'a': '\N{SNOWMAN}\n'},
                },
            },
            document,
        )

    def test_what_is_unknown_is_null(self) -> None:
        gone = server(host=None, zone=None, role=None)
        self.webhook().reattach(gone, 'node')
        (document,) = self.receiver.documents()
        self.assertEqual('server.reattach', document['type'])
        for name in ('host', 'zone', 'role'):
            self.assertIsNone(document['server'][name])

    def test_where_and_how(self) -> None:
        begun = int(time.time())
        self.webhook().drain(server(), 'node')
        (asked,) = self.receiver.asked
        self.assertEqual(
            ('POST /steal', {'by': 'us'}), (str(asked), asked.query)
        )
        headers = asked.headers
        self.assertEqual('application/json', headers['content-type'])
        self.assertEqual('192.0.2.1:8040', headers['host'])
        self.assertTrue(signed_by(asked, KEY))
        self.assertFalse(signed_by(asked, b'other' * 8))
        self.assertTrue(
            begun <= int(headers['webhook-timestamp']) <= time.time()
        )

    def test_the_key_is_read_again(self) -> None:
        webhook = self.webhook()
        path = pathlib.Path(self.directory, 'key')
        path.write_text(f'{SECRET}\nwhsec_{"QUJD" * 8}\n')
        webhook.drain(server(), 'node')
        (asked,) = self.receiver.asked
        # Whoever has only the old key, and whoever has only the new one.
        for key in (KEY, b'ABC' * 8):
            self.assertTrue(signed_by(asked, key))

    def test_the_key_is_broken(self) -> None:
        webhook = self.webhook()
        pathlib.Path(self.directory, 'key').write_text('whsec_hush\n')
        error = self.assertRaises(
            OrchestratorError, webhook.reattach, server(), 'node'
        )
        self.assertIn('[webhook] signing_key_file', str(error))
        self.assertNotIn('hush', str(error))
        self.assertEqual([], self.receiver.asked)


class TestMessageId(WebhookTest):
    def ids(self, *asked) -> list[str]:
        for webhook, verb, about, node in asked:
            getattr(webhook, verb)(about, node)
        found = self.receiver.ids()
        self.receiver.asked.clear()
        return found

    def test_the_same_for_a_repetition(self) -> None:
        """Also by another process; and then it says the same, too."""
        first, again = self.webhook(), self.webhook()
        about = server(tags=('blue', TAG), metadata={'a': '1', 'b': '2'})
        other = server(tags=(TAG, 'red'), metadata={'b': '2', 'a': '1'})
        first.drain(about, 'node')
        again.drain(other, 'node')
        one, two = self.receiver.ids()
        self.assertEqual(one, two)
        self.assertRegex(one, '^[0-9a-f]{32}$')
        first, again = self.receiver.documents()
        self.assertEqual(first, again)

    def test_another_for_all_else(self) -> None:
        """A reattach taken for an old one would leave its server out."""
        one = self.webhook()
        about = server(tags=(TAG,))
        later = server(tags=('steal:drain:1795334999:26.1',))
        forged = server(tags=(TAG, 'steal:drain:9999999999'))
        found = self.ids(
            (one, 'drain', about, 'node'),
            (one, 'reattach', about, 'node'),
            (one, 'drain', later, 'node'),
            (one, 'drain', forged, 'node'),
            (one, 'drain', about, 'node-2'),
            (one, 'drain', server('t', tags=(TAG,)), 'node'),
            (self.webhook('two'), 'drain', about, 'node'),
        )
        self.assertEqual(len(found), len(set(found)))

    def test_without_a_tag_each_is_its_own(self) -> None:
        one = self.webhook()
        asked = (one, 'reattach', server(tags=('blue',)), 'node')
        first, second = self.ids(asked, asked)
        self.assertNotEqual(first, second)


class TestAnswers(WebhookTest):
    def answer(self, status: int, said: bytes = b'') -> Answer:
        """Both verbs take it the same way."""
        self.receiver.instead['*'] = status, said
        webhook = self.webhook()
        answers = {
            webhook.drain(server(), 'node'),
            webhook.reattach(server(), 'node'),
        }
        self.assertEqual(1, len(answers))
        return answers.pop()

    def test_done(self) -> None:
        for status in (200, 204):
            self.assertEqual(Answer(State.DONE), self.answer(status))

    def test_under_way(self) -> None:
        self.assertEqual(
            Answer(State.WAITING, 'two pods left'),
            self.answer(202, b'{"detail": "two pods left"}'),
        )

    def test_refused(self) -> None:
        # 404 and 410, too: any proxy says so of a wrong path.
        for status in (201, 206, 300, 400, 401, 403, 404, 409, 410, 423):
            self.assertEqual(
                Answer(State.REFUSED, f'status {status}: its budget'),
                self.answer(status, b'no\nits budget\n'),
            )

    def test_redirects_are_not_followed(self) -> None:
        self.receiver.headers['Location'] = URL
        self.assertIs(State.REFUSED, self.answer(307).state)
        self.assertEqual(2, len(self.receiver.asked))

    def test_no_answer(self) -> None:
        webhook = self.webhook()
        for status in (408, 425, 429, 500, 502, 503, 599):
            self.receiver.instead['*'] = status, b'<p>overloaded'
            for verb in (webhook.drain, webhook.reattach):
                error = self.assertRaises(
                    OrchestratorError, verb, server(), 'node'
                )
                self.assertIn(f'status {status}: <p>over', str(error))

    def test_details(self) -> None:
        for said, detail in (
            (b'', ''),
            (b'budget\xff\n', 'budget\N{REPLACEMENT CHARACTER}'),
            (b'one\r\ntwo\x1b[2J\x00\xe2\x80\xae\r\n\r\n', 'two?[2J??'),
            (b'{"detail": "a\\u001b\\nb", "more": 1}', 'a? b'),
            (b'{"detail": ["a"]}', '{"detail": ["a"]}'),
            (b'["a"]', '["a"]'),
            (b'[' * 100_000, '[' * 200),
            (b'x' * 300, 'x' * 200),
        ):
            self.assertEqual(detail, self.answer(202, said).detail)

    def test_nobody_listens(self) -> None:
        webhook = self.webhook(url='http://192.0.2.2:8040')
        error = self.assertRaises(
            OrchestratorError, webhook.drain, server(), 'node'
        )
        self.assertIn('[webhook] url drain: [Errno', str(error))

    def test_not_in_time(self) -> None:
        self.receiver.instead['*'] = lambda request: request.socket.recv(1)
        url = self.enterContext(served(self.receiver)).url
        webhook = self.webhook(url=url, timeout=0.3)
        error = self.assertRaises(
            OrchestratorError, webhook.drain, server(), 'node'
        )
        self.assertIn('[webhook] url drain: no answer in 0.3 s', str(error))

    def test_an_end_without_an_answer(self) -> None:
        self.receiver.instead['*'] = hang_up
        error = self.assertRaises(
            OrchestratorError, self.webhook().drain, server(), 'node'
        )
        self.assertIn('[webhook] url drain: Remote end', str(error))

    def test_nothing_secret_is_told(self) -> None:
        self.receiver.instead['*'] = 500, b''
        error = self.assertRaises(
            OrchestratorError, self.webhook().drain, server(), 'node'
        )
        for word in ('by=us', SECRET):
            self.assertNotIn(word, str(error))


class TestNotice(WebhookTest):
    NOTICE = Notice(ID, 'a', NOW, NOW + 600, 'waits 33% of its time')

    def notice(self, **options) -> Answer:
        options.setdefault('takes_notices', True)
        return self.webhook(**options).notice(server(ID), 'node', self.NOTICE)

    def test_only_who_knows_the_verb_is_told(self) -> None:
        """One that knows only drains might take it for one."""
        self.assertEqual(Answer(State.DONE), self.notice(takes_notices=False))
        self.assertEqual([], self.receiver.asked)

    def test_what_is_said(self) -> None:
        self.assertEqual(Answer(State.DONE), self.notice())
        self.notice()
        one, again = self.receiver.ids()
        self.assertEqual(one, again)
        document, _ = self.receiver.documents()
        said = {key: document[key] for key in ('type', 'until', 'reason')}
        self.assertEqual(
            {
                'type': 'server.notice',
                'until': iso(NOW + 600),
                'reason': 'waits 33% of its time',
            },
            said,
        )
        self.assertEqual(ID, document['server']['id'])
        self.assertEqual(set(), self.receiver.out)

    def test_answers(self) -> None:
        for status, state in (
            (204, State.DONE),
            (202, State.WAITING),
            (409, State.REFUSED),
        ):
            self.receiver.instead['*'] = status, b'{"detail": "payday"}'
            self.assertIs(state, self.notice().state)
        self.assertEqual('payday', self.notice().detail)

    def test_a_broken_receiver_objects_to_nothing(self) -> None:
        for status in (307, 400, 401, 404, 410, 503):
            self.receiver.instead['*'] = status, b'no'
            error = self.assertRaises(OrchestratorError, self.notice)
            self.assertIn(f'url notice: status {status}: no', str(error))


class TestDetached(WebhookTest):
    def test_it_does_not_know(self) -> None:
        self.assertEqual(frozenset(), self.webhook().detached())
        self.assertEqual([], self.receiver.asked)

    def test_it_knows(self) -> None:
        self.receiver.out = {'x', 'y'}
        webhook = self.webhook(lists_detached=True)
        self.assertEqual({'x', 'y'}, webhook.detached())
        (asked,) = self.receiver.asked
        self.assertTrue(signed_by(asked, KEY))
        self.assertEqual(
            {'type': 'server.detached', 'orchestrator': 'webhook'},
            asked.json,
        )

    def test_nobody(self) -> None:
        webhook = self.webhook(lists_detached=True)
        self.assertEqual(frozenset(), webhook.detached())

    def test_nonsense(self) -> None:
        """Taken for an empty list, it would leave them out."""
        webhook = self.webhook(lists_detached=True)
        for status, said in (
            (204, b''),
            (202, b'{"detached": []}'),
            (200, b''),
            (200, b'[]'),
            (200, b'{}'),
            (200, b'{"detached": "x"}'),
            (200, b'{"detached": {"x": 1}}'),
            (200, b'{"detached": [1]}'),
            (404, b'not here'),
            (500, b'{"detached": []}'),
        ):
            self.receiver.instead['*'] = status, said
            error = self.assertRaises(OrchestratorError, webhook.detached)
            self.assertIn(f'status {status}', str(error))
