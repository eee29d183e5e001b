"""A kubeconfig file, read by us and understood by the library."""

import base64
import pathlib
from typing import Any

from steal_scheduler.edge.secret_file import UnusableFile, read_token

#: What the library, and ssl below it, wants in files of their own.
_FILES = ('certificate-authority', 'client-certificate', 'client-key')
_INSECURE = 'insecure-skip-tls-verify'


def read(path: str, context: str | None) -> tuple[dict[str, Any], str]:
    """What it says, and the name of the context that counts.

    The token of a ``tokenFile`` stands in its place: as with kubectl it counts
    for more than ``token``, and with the library it would count for less.

    :raises UnusableFile: it is no kubeconfig, or leads nowhere; no secret is
        in the text
    :raises OSError: it can not be read
    """
    import yaml

    file = pathlib.Path(path).absolute()
    try:
        said = yaml.safe_load(file.read_text('utf-8'))
        contexts = {each['name']: each['context'] for each in said['contexts']}
        chosen = context or said['current-context']
        if chosen not in contexts:
            names = ', '.join(map(str, contexts))
            raise UnusableFile(f'context {chosen!r} is none of {names}')
        name = contexts[chosen]['user']
        users = {each['name']: each for each in said.get('users') or ()}
        if name not in users:
            raise UnusableFile(f'user {name!r} is none of its users')
        user = users[name].get('user') or {}
        token_file = user.pop('tokenFile', None)
        if token_file is not None:
            # Relative paths are relative to the file.
            user['token'] = read_token(str(file.parent / token_file))
    except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError):
        raise UnusableFile('the file is no kubeconfig') from None
    return said, chosen


def load(
    settings: Any, path: str, context: str | None, directory: str
) -> None:
    """Set up the library; a plug-in of the file is run for that.

    :param directory: for files that the library needs as long as it is
        connected. It would make them once for the whole process, and never
        again when whoever tidies up /tmp has taken them.
    :raises UnusableFile: for the reason in its text
    :raises OSError: a file can not be read
    """
    from kubernetes.config import ConfigException, kube_config

    said, chosen = read(path, context)
    try:
        _unpack(said, pathlib.Path(directory))
        loader = kube_config.KubeConfigLoader(
            said,
            chosen,
            config_base_path=str(pathlib.Path(path).absolute().parent),
        )
        loader.load_and_set(settings)
    except ConfigException as error:
        raise UnusableFile(str(error)) from error
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UnusableFile('the file is no kubeconfig') from None
    if not (getattr(loader, 'token', '') or settings.cert_file):
        # The library logs why, and goes on as nobody.
        raise UnusableFile('its user has neither a token nor a certificate')


def _unpack(said: dict[str, Any], directory: pathlib.Path) -> None:
    for kind in ('cluster', 'user'):
        for number, entry in enumerate(said.get(f'{kind}s') or ()):
            about = entry.get(kind) or {}
            if not isinstance(about.get(_INSECURE) or False, bool):
                # NOTE: any text would be true to the library.
                raise UnusableFile(f'{_INSECURE} is neither true nor false')
            for name in _FILES:
                data = about.pop(f'{name}-data', None)
                if data:
                    path = directory / f'{kind}-{number}-{name}'
                    path.write_bytes(base64.b64decode(data))
                    about[name] = str(path)
