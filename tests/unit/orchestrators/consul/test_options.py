from typing import Any

from steal_scheduler.conf import orchestrators
from steal_scheduler.exception import ConfigError
from steal_scheduler.orchestrators.consul.plugin import Consul
from tests.unit.options import FileTestCase, configuration


def consul(**options: Any) -> Consul:
    conf = configuration('dc1', [*orchestrators.OPTS, *Consul.OPTS], **options)
    return Consul(conf, 'dc1')


class OptionsTest(FileTestCase):
    def assert_wrong(self, *texts: str, **options: Any) -> str:
        error = str(self.assertRaises(ConfigError, consul, **options))
        for text in ('[dc1] ', *texts):
            self.assertIn(text, error)
        return error


class TestOptions(OptionsTest):
    def test_as_they_come(self) -> None:
        self.assertIsInstance(consul(), Consul)

    def test_address(self) -> None:
        for address in (
            *('', '{address}', 'ftp://{address}', '{id}://x', 'https://'),
            *('https://{address}:{id}', 'https://{address}:0'),
            *('https://{node}@10.0.0.1:8501', 'https://{address}/a'),
            *('https://{address}?a', 'https://{address}#a'),
            *('https://{address}:99999', 'https://a b'),
        ):
            self.assert_wrong('address = ', address=address)
            if '{' not in address:
                self.assert_wrong('catalog = ', catalog=address)
        for address in (
            *('https://{address}', 'https://{address}:8501/'),
            *('http://{name}-{id}.x:80', 'http://10.0.0.1:8500'),
        ):
            consul(address=address)

    def test_a_password_is_not_shown(self) -> None:
        address = 'https://me:secret@{address}:8501'
        said = self.assert_wrong('***@', address=address)
        self.assertNotIn('secret', said)

    def test_braces(self) -> None:
        for option, text in (
            ('address', 'https://{addr}'),
            ('address', 'https://{address'),
            ('address', 'https://{}'),
            ('address', 'https://{node.__class__}'),
            ('address', 'https://{node!r}'),
            ('address', 'https://{node:>9}'),
            ('tls_server_name', '{address}'),
            # The tenant names it: not his to choose whose token is sent.
            ('token_file', '/etc/{node}'),
            ('token_file', '/etc/{name}'),
        ):
            known = {option: text}
            self.assert_wrong(f'{option} = ', 'here. Use {', **known)

    def test_networks(self) -> None:
        for text, word in (
            ('10.0.0.0/8, 10.0.0.5/8', 'has host bits set'),
            ('tenants', 'tenants'),
        ):
            self.refuse(Consul.OPTS, f'networks = {text}', word)
        consul(networks=['10.0.0.0/8', '2001:db8::/32'])

    def test_what_excludes_the_other(self) -> None:
        self.assert_wrong('exclude', insecure=True, cafile='/ca')


class TestToken(OptionsTest):
    def test_in_the_clear(self) -> None:
        for options in (
            {'address': 'http://{address}:8500', 'projects': ['p']},
            {'catalog': 'http://10.0.0.1:8500', 'projects': ['p']},
            {
                'catalog': 'http://consul.example.org:8500',
                'token_file': '/tokens/{id}',
            },
        ):
            options = {'token_file': '/token', **options}
            self.assert_wrong('in the clear', 'insecure', **options)
            consul(insecure=True, **options)

    def test_on_this_machine(self) -> None:
        for host in '127.0.0.1', '127.8.8.8', '[::1]', 'localhost':
            consul(catalog=f'http://{host}:8500', token_file='/{id}')

    def test_to_whoever_says_that_he_belongs_to_it(self) -> None:
        http = {'address': 'http://{address}:8500', 'insecure': True}
        for options in (
            {},
            {'all_servers': True, 'roles': ['web']},
            {'insecure': True},
            http,
        ):
            self.assert_wrong('Set projects', token_file='/token', **options)
            consul(token_file='/token', projects=['p'], **options)
            consul(token_file='/tokens/{id}', **options)
            consul(**options)
        consul(token_file='/token', cafile='/ca')
