"""A kubeconfig file, read by us and understood by the library."""

import base64
import pathlib
import re
import tempfile
from typing import Any

#: What the library, and ssl below it, wants in files of their own.
_FILES = ('certificate-authority', 'client-certificate', 'client-key')
_INSECURE = 'insecure-skip-tls-verify'


class Unusable(Exception):
    """It is no kubeconfig, or leads nowhere; no secret is in the text."""


class Kubeconfig:
    """Keeps the files that are made of it, as long as it lives itself.

    The library would make them once for the whole process, and never again
    when whoever tidies up /tmp has taken them.
    """

    def __init__(self, path: str, context: str | None) -> None:
        """Read it, and the file of its token; log in nowhere.

        :raises Unusable: for the reason in its text
        :raises OSError: it can not be read
        """
        import yaml

        self._path = pathlib.Path(path)
        #: The library's reader, which holds the token.
        self._loader: Any = None
        try:
            self._said = yaml.safe_load(self._path.read_text('utf-8'))
            listed = self._said['contexts']
            contexts = {entry['name']: entry['context'] for entry in listed}
            chosen = context or self._said['current-context']
        except (KeyError, TypeError, UnicodeDecodeError, yaml.YAMLError):
            raise Unusable('the file is no kubeconfig') from None
        if chosen not in contexts:
            raise Unusable(
                f'context {chosen!r} is none of '
                f'{", ".join(map(str, contexts))}'
            )
        self._context = chosen
        self._token_file = self._find_token_file(contexts[chosen])
        self.read_token()

    def put_into(self, settings: Any) -> None:
        """Set up the library; a plug-in of the file is run for that.

        :raises Unusable: for the reason in its text
        """
        from kubernetes.config import ConfigException, kube_config

        # Readable by nobody else, and gone with us.
        self._files = tempfile.TemporaryDirectory(prefix='steal-migrator-')
        try:
            self._unpack()
            loader = kube_config.KubeConfigLoader(
                self._said,
                self._context,
                # Relative paths are relative to the file.
                config_base_path=str(self._path.absolute().parent),
            )
            loader.load_and_set(settings)
        except ConfigException as error:
            raise Unusable(str(error)) from error
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Unusable('the file is no kubeconfig') from None
        if not (getattr(loader, 'token', '') or settings.cert_file):
            # The library logs why, and goes on as nobody.
            raise Unusable('its user has neither a token nor a certificate')
        self._loader = loader

    def read_token(self) -> None:
        """Read ``tokenFile`` again: whoever made the token may renew it.

        The library reads the file once, and sends what its reader holds.

        :raises Unusable: there is no token in the file
        :raises OSError: it can not be read
        """
        if self._token_file is None:
            return
        try:
            token = self._token_file.read_text('ascii').strip()
        except UnicodeDecodeError:
            token = ''
        if not re.fullmatch('[!-~]+', token):
            raise Unusable(f'tokenFile {self._token_file} holds no token')
        if self._loader is not None:
            self._loader.token = f'Bearer {token}'

    def _find_token_file(self, context: Any) -> pathlib.Path | None:
        try:
            name = context['user']
            for entry in self._said.get('users') or ():
                if entry['name'] != name:
                    continue
                user = entry.get('user') or {}
                if user.get('tokenFile') is None:
                    return None
                # It counts for more, as with kubectl; with the library less.
                user.pop('token', None)
                file: str = user['tokenFile']
                # Relative paths are relative to the kubeconfig.
                return self._path.absolute().parent / file
        except (AttributeError, KeyError, TypeError):
            raise Unusable('the file is no kubeconfig') from None
        raise Unusable(f'user {name!r} is none of its users')

    def _unpack(self) -> None:
        directory = pathlib.Path(self._files.name)
        for kind in ('cluster', 'user'):
            for number, entry in enumerate(self._said.get(f'{kind}s') or ()):
                about = entry.get(kind) or {}
                if not isinstance(about.get(_INSECURE) or False, bool):
                    # NOTE: any text would be true to the library.
                    raise Unusable(f'{_INSECURE} is neither true nor false')
                for name in _FILES:
                    data = about.pop(f'{name}-data', None)
                    if data:
                        path = directory / f'{kind}-{number}-{name}'
                        path.write_bytes(base64.b64decode(data))
                        about[name] = str(path)
