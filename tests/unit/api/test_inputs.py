import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.api import rig

ID = rig.SERVER_ID


class TestInputs(rig.ApiTestCase):
    """What is wrong is named, with the cure; what is right goes on."""

    def refuse(self, method: str, path: str, *words: str, **more: Any) -> None:
        error = self.error(400, self.ask('admin', method, path, **more))
        self.assertEqual('invalid', error['reason'])
        for word in words:
            self.assertIn(word, error['message'])
        self.assertTrue(error['message'].isprintable())
        self.assertEqual([], self.leader.asked)

    def accept(self, method: str, path: str, **more: Any) -> Any:
        found = self.ask('admin', method, path, **more)
        self.assertIn(found.status_code, (200, 202), found.text)
        return self.leader.asked.pop()[1:]

    def test_queries(self) -> None:
        self.assertEqual(
            ['servers', {'zone': 'az 1/é', 'contended': True, 'host': 'c-1'}],
            self.accept(
                'GET',
                '/v1/servers?zone=az%201/%C3%A9&contended=true&host=c-1',
            ),
        )
        self.assertEqual(
            ['history', {'since': 60, 'server': ID}],
            self.accept('GET', f'/v1/history?since=60&server={ID.upper()}'),
        )
        self.assertEqual(
            ['resume', {'scope': 'cloud'}],
            self.accept('DELETE', '/v1/pauses?scope=cloud'),
        )
        self.assertEqual(
            ['move_cancel', {'server_id': ID, 'reason': 'no more'}],
            self.accept('DELETE', f'/v1/moves/{ID}?reason=no+more'),
        )

    def test_queries_that_are_wrong(self) -> None:
        for query, *words in (
            ('zon=az1', 'zon in the query', 'zone, project'),
            ('zone=a&zone=b', 'zone stands twice'),
            ('zone=', 'zone = "" is not allowed', '1 to 255 printable'),
            ('zone=%00', 'zone', 'printable'),
            ('zone=a%0Ab', 'printable'),
            ('zone=a%0A', 'printable'),
            ('zone=%E2%80%AEa', 'printable'),
            ('zone=%FF', 'cannot be read'),
            ('zone=' + 'a' * 256, '1 to 255'),
            ('contended=yes', 'contended = "yes"', 'true or false'),
            ('host=a%20b', 'host', 'printable'),
            ('project=a%2Fb', 'project', 'an id'),
            ('&'.join(f'x{n}=1' for n in range(21)), 'cannot be read'),
        ):
            self.refuse('GET', f'/v1/servers?{query}', *words)
        for since in ('0', '-1', '1.5', '31536001', '1' * 5000, '٣', 'nan'):
            self.refuse('GET', f'/v1/history?since={since}')
        self.refuse('GET', '/v1/history', 'lacks since')
        self.refuse('GET', '/v1/summary?zone=az1', 'Leave it out')
        self.refuse('DELETE', '/v1/pauses?scope=rack&name=7', 'cloud, zone')
        self.refuse('DELETE', '/v1/pauses?scope=zone', 'which zone?')
        self.refuse('DELETE', '/v1/pauses?scope=cloud&name=a', 'Leave it out')
        self.refuse('DELETE', f'/v1/moves/{ID}', 'lacks reason')

    def test_paths_that_are_wrong(self) -> None:
        for path in (
            '/v1/servers/web-1',
            f'/v1/servers/{ID}0',
            f'/v1/servers/{ID}%0A',
            '/v1/hosts/a%00',
            '/v1/hosts/-a',
            '/v1/hosts/%FF',
            '/v1/hosts/' + 'a' * 256,
        ):
            self.refuse('GET', path, 'is not allowed')

    def test_bodies(self) -> None:
        self.assertEqual(
            [
                'pause',
                {
                    'scope': 'host',
                    'name': 'c-1',
                    'until': '2026-11-30T14:00:00Z',
                    'reason': 'новое ядро',
                },
            ],
            self.accept(
                'PUT',
                '/v1/pauses',
                json={
                    'scope': 'host',
                    'name': 'c-1',
                    'until': '2026-11-30T16:00+02:00',
                    'reason': 'новое ядро',
                },
            ),
        )
        self.assertEqual(
            ['move_create', {'server_id': ID, 'reason': 'x'}],
            self.accept(
                'POST',
                '/v1/moves',
                json={'server_id': ID.upper(), 'reason': 'x'},
            ),
        )
        for approved, method in ((True, 'approve'), (False, 'reject')):
            self.assertEqual(
                [method, {'server_id': ID, 'reason': 'x'}],
                self.accept(
                    'PUT',
                    f'/v1/approvals/{ID}',
                    json={'approved': approved, 'reason': 'x'},
                ),
            )

    def test_bodies_that_are_wrong(self) -> None:
        right = {'scope': 'cloud', 'reason': 'x'}
        for body, *words in (
            ([], 'not a JSON object'),
            ('cloud', 'not a JSON object'),
            ({'scope': 'cloud'}, 'lacks reason'),
            (right | {'reson': 'x'}, 'reson in the body', 'scope, name'),
            (right | {'reason': ''}, '1 to 200'),
            (right | {'reason': 'a' * 201}, '1 to 200'),
            (right | {'reason': 'a\nERROR b'}, 'printable'),
            (right | {'reason': 7}, 'reason = 7'),
            (right | {'reason': None}, 'reason = null'),
            (right | {'scope': ['cloud']}, 'cloud, zone, host'),
            (right | {'until': '2h'}, 'such as 2026-11-30T14:00:00Z'),
            (right | {'until': '2026-11-30T14:00:00'}, 'a time with a zone'),
            (right | {'until': '2026-02-30T14:00:00Z'}, 'a time with a zone'),
            (right | {'until': '2026-11-30T14:00:00+99:99'}, 'a time with'),
        ):
            self.refuse('PUT', '/v1/pauses', *words, json=body)

    def test_bodies_that_are_no_json(self) -> None:
        kind = {'Content-Type': 'application/json; charset=utf-8'}
        for raw, word in (
            (b'', 'no JSON'),
            (b'{', 'no JSON'),
            (b'\xff', 'no JSON'),
            (b'{"reason": NaN}', 'NaN is no number'),
            (b'{"reason": "a", "reason": "b"}', 'a key stands twice'),
            (b'{"reason": "\\ud800", "scope": "cloud"}', 'no JSON'),
            (b'[' * 10_000, 'no JSON'),
        ):
            self.refuse('PUT', '/v1/pauses', word, body=raw, headers=kind)

    def test_kinds_of_content(self) -> None:
        for kind in ('text/plain', 'application/xml', ''):
            found = self.ask(
                'admin',
                'PUT',
                '/v1/pauses',
                body='{}',
                headers={'Content-Type': kind},
            )
            self.assertIn(
                'application/json', self.error(415, found)['message']
            )

    def test_a_large_body(self) -> None:
        found = self.ask(
            'admin', 'PUT', '/v1/pauses', json={'reason': 'x' * 20_000}
        )
        self.error(413, found)

    @settings(deadline=None)
    @given(st.text(max_size=40), st.text(max_size=40))
    def test_any_text(self, reason: str, zone: str) -> None:
        """It is refused, or goes on as it is."""
        self.leader.asked.clear()
        said = {'scope': 'zone', 'name': zone, 'reason': reason}
        raw = json.dumps(said).encode()
        found = self.ask(
            'admin',
            'PUT',
            '/v1/pauses',
            body=raw,
            headers={'Content-Type': 'application/json'},
        )
        if found.status_code == 200:
            self.assertEqual(said, self.leader.asked[0][2])
        else:
            self.error(400, found)
