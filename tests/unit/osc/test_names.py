from tests.standins.app import Answer, Request, route
from tests.standins.keystone import PASSWORD, PROJECT, USER, Keystone
from tests.unit.osc.rig import SHOP, WEB1, WEB2, ShellTestCase, server


class TestServers(ShellTestCase):
    def test_a_name(self) -> None:
        self.done('server show shop')
        self.assertEqual(('server', {'server_id': SHOP}), self.asked())

    def test_an_id_needs_no_list(self) -> None:
        self.done(f'server show {SHOP.upper()}')
        [(_, method, args)] = self.leader.asked
        self.assertEqual(('server', SHOP), (method, args['server_id'].lower()))

    def test_a_name_that_looks_like_the_id_of_another_is_that_id(self) -> None:
        self.leader.answers['servers'] = {'servers': [server(WEB1, SHOP)]}
        self.done(f'server show {SHOP}')
        self.assertEqual(SHOP, self.asked()[1]['server_id'])

    def test_ambiguous(self) -> None:
        ran = self.steal('move create web')
        self.assertEqual(1, ran.status)
        self.assertEqual(
            f"2 servers are called 'web': {WEB1}, {WEB2}. Give the ID.\n",
            ran.err,
        )
        self.assertEqual(['servers'], [m for _, m, _ in self.leader.asked])

    def test_nobody(self) -> None:
        ran = self.steal('server skip "no\x1body"')
        self.assertEqual(1, ran.status)
        self.assertEqual(
            "No server is called 'no\\x1body'. See \"openstack steal server "
            'list".\n',
            ran.err,
        )


class _Identity(Keystone):
    def __init__(self) -> None:
        super().__init__()
        self.projects = {'a' * 32: 'shop', 'b' * 32: 'web', 'c' * 32: 'web'}

    @route('GET', '/v3/projects')
    def _projects(self, request: Request) -> Answer:
        wanted = request.query['name']
        found = [{'id': i} for i, n in self.projects.items() if n == wanted]
        return 200, {'projects': found}


class TestProjects(ShellTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.keystone = _Identity()
        url = self.serve(self.keystone)
        self.keystone.catalog = {'identity': f'{url}/v3', 'steal': self.url}
        self.login = [
            *('--os-auth-url', f'{url}/v3', '--os-region-name', 'r'),
            *('--os-username', USER, '--os-password', PASSWORD),
            *('--os-user-domain-id', 'default'),
            *('--os-project-name', PROJECT),
            *('--os-project-domain-id', 'default'),
        ]

        def app(environ: dict[str, object], start: object) -> object:
            environ['HTTP_X_AUTH_TOKEN'] = 'admin'
            return self.app(environ, start)

        self.keystone.catalog['steal'] = self.serve(app)

    def check(self, project: str, status: int, said: str = '') -> None:
        command = f'steal server list --project {project}'
        ran = self.openstack(self.login, command)
        self.assertEqual(status, ran.status, ran.err)
        self.assertIn(said, ran.err)

    def test_a_name(self) -> None:
        self.check('shop', 0)
        self.assertEqual(('servers', {'project': 'a' * 32}), self.asked())

    def test_an_id(self) -> None:
        self.check('d' * 32, 0)
        self.assertEqual(('servers', {'project': 'd' * 32}), self.asked())
        self.assertNotIn('GET /v3/projects', self.keystone.calls())

    def test_ambiguous(self) -> None:
        self.check('web', 1, f"2 projects are called 'web': {'b' * 32}, ")

    def test_nobody(self) -> None:
        self.check('x', 1, "No project is called 'x'.")

    def test_keystone_refuses(self) -> None:
        for answer in (
            (403, {'error': {'message': 'no'}}),
            (200, []),
            (200, b'no JSON'),
            (200, {'projects': [1]}),
        ):
            self.keystone.instead['GET /v3/projects'] = answer
            self.check(
                'shop',
                1,
                "Keystone does not say which project is called 'shop'",
            )
