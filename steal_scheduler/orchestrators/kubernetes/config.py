"""A kubeconfig file, read by us and understood by the library."""

import base64
import pathlib
import tempfile
from typing import Any

#: What the library, and ssl below it, wants in files of their own.
_FILES = ('certificate-authority', 'client-certificate', 'client-key')


class Unusable(Exception):
    """It is no kubeconfig, or leads nowhere; no secret is in the text."""


class Kubeconfig:
    """Keeps the files that are made of it, as long as it lives itself.

    The library would make them once for the whole process, and never again
    when whoever tidies up /tmp has taken them.
    """

    def __init__(self, path: str, context: str | None) -> None:
        """Read it; log in nowhere.

        :raises Unusable: for the reason in its text
        :raises OSError: it can not be read
        """
        import yaml  # type: ignore[import-untyped]

        self._path = pathlib.Path(path)
        try:
            said = yaml.safe_load(self._path.read_text('utf-8'))
            names = [context['name'] for context in said['contexts']]
            chosen = context or said['current-context']
        except (KeyError, TypeError, UnicodeDecodeError, yaml.YAMLError):
            raise Unusable('it is no kubeconfig') from None
        if chosen not in names:
            raise Unusable(
                f'context {chosen!r} is none of {", ".join(map(str, names))}'
            )
        self._context = chosen
        self._said = said

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
            raise Unusable('it is no kubeconfig') from None
        if not (getattr(loader, 'token', '') or settings.cert_file):
            # The library logs why, and goes on as nobody.
            raise Unusable('its user has neither a token nor a certificate')

    def _unpack(self) -> None:
        directory = pathlib.Path(self._files.name)
        for kind in ('cluster', 'user'):
            for number, entry in enumerate(self._said.get(f'{kind}s') or ()):
                about = entry.get(kind) or {}
                for name in _FILES:
                    data = about.pop(f'{name}-data', None)
                    if data:
                        path = directory / f'{kind}-{number}-{name}'
                        path.write_bytes(base64.b64decode(data))
                        about[name] = str(path)
