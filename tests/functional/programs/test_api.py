"""steal-api on a real Nova: tokens of a Keystone, a migrator that leads."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import threading
from collections.abc import Iterator
from typing import Any

from falcon import testing

from steal_scheduler.api import app, calls
from steal_scheduler.conf import api as options
from steal_scheduler.demo import users
from steal_scheduler.demo.api import Api
from steal_scheduler.migrator import looks
from tests.functional.scene import Guest
from tests.shared import PATIENCE

scene = one.scene
setUpModule = one.set_up()

_CONF = """
[DEFAULT]
transport_url = fake:/
[keystone_authtoken]
www_authenticate_uri = {url}/identity/v3
auth_url = {url}/identity/v3
auth_type = password
username = {user.name}
password = {user.password}
project_name = {user.project}
user_domain_id = default
project_domain_id = default
"""


def differences(schema: Any, said: Any, path: str = '') -> Iterator[str]:
    """What the leader says that nobody gets to see, or does not say."""
    if said is None:
        return
    if 'oneOf' in schema:
        yield from differences(schema['oneOf'][0], said, path)
    elif 'properties' in schema:
        of = schema['properties']
        yield from (f'{path}.{name}' for name in of.keys() ^ said.keys())
        for name in of.keys() & said.keys():
            yield from differences(of[name], said[name], f'{path}.{name}')
    elif schema['type'] == 'array':
        for row in said:
            yield from differences(schema['items'], row, path)


class TestApi(loop.LoopTestCase):
    scene = scene

    def setUp(self) -> None:
        super().setUp()
        path = self.directory / 'steal-api.conf'
        path.write_text(_CONF.format(url=scene.cloud.url, user=users.ADMIN))
        conf = options.load([f'--config-file={path}'], 'steal-api')
        self.client = testing.TestClient(app.build(conf))
        self.tokens: dict[str, str] = {}

    def ask(
        self, user: users.User, method: str, path: str, **more: Any
    ) -> testing.Result:
        if user.name not in self.tokens:
            self.tokens[user.name] = Api(scene.cloud.url, user)._log_in()
        headers = {'X-Auth-Token': self.tokens[user.name]}
        return self.client.simulate_request(
            method, path, headers=headers, **more
        )

    def leading(self) -> loop.Loop:
        """A migrator that has ticked, and answers."""
        found = self.loop()
        found.tick()
        found.parts.leader_server.start()
        self.addCleanup(found.parts.leader_server.stop)
        return found

    def ticking(self, migrator: loop.Loop) -> None:
        """It ticks until the test ends."""
        over = threading.Event()

        def run() -> None:
            while not over.wait(0.1):
                migrator.tick()

        thread = threading.Thread(target=run, name='ticking')
        thread.start()
        self.addCleanup(thread.join, PATIENCE)
        self.addCleanup(over.set)

    def test_looks(self) -> None:
        mover = self.boot_contended()
        [own] = scene.boot(Guest('books-1', ''), owner=users.ALICE)
        self.leading()
        self.assertEqual(
            401,
            self.client.simulate_get(
                '/v1/summary', headers={'X-Auth-Token': 'forged'}
            ).status_code,
        )
        summary = self.ask(users.ADMIN, 'GET', '/v1/summary').json
        self.assertEqual((2, 1), (summary['servers'], summary['contended']))
        self.assertIsNotNone(summary['leader'])
        shown = self.ask(users.ADMIN, 'GET', '/v1/servers').json['servers']
        self.assertEqual({mover, own}, {s['server_id'] for s in shown})
        self.assertIn('a1', {s['host'] for s in shown})
        hosts = self.ask(users.ADMIN, 'GET', '/v1/hosts?zone=az1').json
        self.assertEqual(
            {'a1', 'a2', 'a3'}, {h['host'] for h in hosts['hosts']}
        )
        # Who has a project sees that, and no host.
        found = self.ask(users.ALICE, 'GET', '/v1/servers')
        [server] = found.json['servers']
        self.assertEqual(own, server['server_id'])
        self.assertEqual('books-1', server['name'])
        for host in one.HOSTS:
            self.assertNotIn(f'"{host}"', found.text)
        for user, path, status in (
            (users.ALICE, f'/v1/servers/{own}', 200),
            (users.ALICE, f'/v1/servers/{mover}', 404),
            (users.BOB, f'/v1/servers/{own}', 404),
            (users.ALICE, '/v1/summary', 403),
            (users.ALICE, '/v1/hosts', 403),
            (users.ADMIN, '/v1/hosts/nowhere', 404),
        ):
            found = self.ask(user, 'GET', path)
            self.assertEqual(status, found.status_code, found.text)

    def test_it_shows_all_that_the_leader_says(self) -> None:
        """No key of an answer is dropped, or always null."""
        mover = self.boot_contended()
        migrator = self.leading()
        migrator.until(lambda: scene.stage(mover), 'the move')
        who = {'user_name': 'x', 'scope': None}
        values = {'host': 'a1', 'server_id': mover, 'since': 60}
        wrong = set()
        for call in calls.LOOKS:
            if call.name not in looks.LOOKS.keys() | {'settings'}:
                continue
            needed = {n for n, needs in call.query.items() if needs}
            args = {n: values[n] for n in needed.union(call.in_path)}
            said = migrator.parts.desk.answer(call.name, args, who)
            found = differences(call.answer, said, call.name)
            wrong |= {*found}
        self.assertEqual(set(), wrong)

    def test_asks(self) -> None:
        [own] = scene.boot(Guest('books-1', ''), owner=users.ALICE)
        migrator = self.leading()
        self.ticking(migrator)
        pause = {'scope': 'zone', 'name': 'az1', 'reason': 'a new kernel'}
        found = self.ask(users.ALICE, 'PUT', '/v1/pauses', json=pause)
        self.assertEqual(403, found.status_code)
        found = self.ask(users.ADMIN, 'PUT', '/v1/pauses', json=pause)
        self.assertEqual(200, found.status_code, found.text)
        self.assertEqual('az1', found.json['pause']['name'])
        said = [
            key
            for aggregate in scene.call('GET', '/os-aggregates')['aggregates']
            for key in aggregate['metadata']
        ]
        self.assertIn('steal:pause:zone:az1', said)
        path = '/v1/pauses?scope=zone&name=az1'
        found = self.ask(users.ADMIN, 'DELETE', path)
        self.assertEqual(200, found.status_code, found.text)
        # An owner lets a server stay; nobody else of other projects may.
        path = f'/v1/servers/{own}/skip'
        wish = {'until': '2999-01-01T00:00:00Z', 'reason': 'batch'}
        found = self.ask(users.BOB, 'PUT', path, json=wish)
        self.assertEqual(404, found.status_code, found.text)
        found = self.ask(users.ALICE, 'PUT', path, json=wish)
        self.assertEqual(200, found.status_code, found.text)
        self.assertEqual(
            '2999-01-01T00:00:00Z', found.json['server']['skip_until']
        )
        found = self.ask(users.ALICE, 'DELETE', path)
        self.assertEqual(200, found.status_code, found.text)
        # What the gate refuses, it refuses here too, in its words.
        moving = {'server_id': own, 'reason': 'now'}
        found = self.ask(users.ALICE, 'POST', '/v1/moves', json=moving)
        self.assertEqual(403, found.status_code, found.text)
