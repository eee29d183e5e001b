"""The real kubectl, for whoever may ask a cluster; and what it applies."""

import base64
import json
import pathlib
import secrets
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.integration import daemons
from tests.integration.binaries import binary

#: Who may do everything, and who is known but may do nothing.
ADMIN = 'admin'
NOBODY = 'nobody'
_GROUPS = {ADMIN: 'system:masters', NOBODY: ''}
#: Of all pods.
CONTAINER = {'name': 'app', 'image': 'example.test/app:1'}


class KubectlError(daemons.DaemonError):
    """kubectl did not end well; the text is what it said."""


class Kubectl:
    """Clients of one API server, each with rights of its own."""

    def __init__(self, directory: pathlib.Path, url: str) -> None:
        """Make the tokens of ADMIN and NOBODY; there is no server yet.

        :param url: where it will be
        """
        self._directory = directory
        self._program = binary('kubectl')
        self._tokens = {user: secrets.token_hex(16) for user in _GROUPS}
        rows = [f'{self._tokens[u]},{u},{u},{g}' for u, g in _GROUPS.items()]
        #: What its API server is to know them by.
        self.token_file = directory / 'tokens.csv'
        self.token_file.touch(mode=0o600)
        self.token_file.write_text('\n'.join(rows) + '\n')
        #: What vouches for the API server.
        self.cafile = directory / 'certs/apiserver.crt'
        self.url = url

    # -- kubectl -----------------------------------------------------------

    def run(
        self, *args: str, user: str = ADMIN, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl to its end, whatever that is.

        :param text: what it reads
        """
        return subprocess.run(
            [self._program, *args],
            env={
                'HOME': str(self._directory),
                'KUBECONFIG': str(self.kubeconfig(user)),
            },
            input=text or '',
            capture_output=True,
            text=True,
            timeout=120,
        )

    def kubectl(
        self, *args: str, user: str = ADMIN, text: str | None = None
    ) -> str:
        """Return what kubectl prints.

        :raises KubectlError: it failed
        """
        done = self.run(*args, user=user, text=text)
        if done.returncode:
            raise KubectlError(f'kubectl {" ".join(args)}: {done.stderr}')
        return done.stdout

    def get(self, *args: str) -> Any:
        """Return objects as kubectl has them in JSON."""
        return json.loads(self.kubectl('get', *args, '-o', 'json'))

    def apply(self, manifest: str | Mapping[str, Any]) -> None:
        """Create or change what a manifest describes."""
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        self.kubectl('apply', '-f', '-', text=text)

    # -- what is in it -----------------------------------------------------

    def deploy(
        self,
        name: str,
        replicas: int,
        *,
        budget: int | None = None,
        namespace: str = 'default',
        **pod: Any,
    ) -> None:
        """Deploy pods, one a node where that can be; ready on return.

        :param budget: how many must be there always, if it has a
            PodDisruptionBudget
        :param pod: more of the specification of its pods
        """
        spread = {
            'maxSkew': 1,
            'topologyKey': 'kubernetes.io/hostname',
            'whenUnsatisfiable': 'ScheduleAnyway',
            'labelSelector': {'matchLabels': {'app': name}},
        }
        pod = {'topologySpreadConstraints': [spread], **pod}
        self.apply(
            _keeper('Deployment', name, namespace, pod, replicas=replicas)
        )
        if budget is not None:
            self.add_budget(name, name, budget, namespace)
        self.wait_deployed(name, namespace)

    def add_budget(
        self,
        name: str,
        app: str,
        least: int | str,
        namespace: str = 'default',
    ) -> None:
        """Add a PodDisruptionBudget for the pods with this label ``app``."""
        selector = {'matchLabels': {'app': app}}
        self.apply(
            {
                'apiVersion': 'policy/v1',
                'kind': 'PodDisruptionBudget',
                'metadata': {'name': name, 'namespace': namespace},
                'spec': {'minAvailable': least, 'selector': selector},
            }
        )

    def daemon_set(self, name: str, namespace: str, **pod: Any) -> None:
        """Have one pod a node."""
        self.apply(_keeper('DaemonSet', name, namespace, pod))

    def wait_deployed(
        self, name: str, namespace: str = 'default', within: float = 90
    ) -> None:
        """Wait until all its pods are ready, and its budget knows."""

        def items(kind: str) -> list[Mapping[str, Any]]:
            name_is = f'--field-selector=metadata.name={name}'
            found = self.get(kind, name_is, '-n', namespace)['items']
            return list(found)

        def ready() -> bool:
            (found,) = items('deployment')
            status = found['status']
            pods = status.get('readyReplicas', 0), status.get('replicas', 0)
            return (
                _is_up_to_date(found)
                and pods == (found['spec']['replicas'],) * 2
                and all(
                    # Before it has counted them it allows no eviction.
                    _is_up_to_date(each)
                    and each['status']['currentHealthy']
                    == each['status']['expectedPods']
                    > 0
                    for each in items('pdb')
                )
            )

        daemons.until(f'{name} is deployed', ready, within)

    # -- who asks ----------------------------------------------------------

    def kubeconfig(self, user: str = ADMIN) -> pathlib.Path:
        """Return the configuration of a client.

        :param user: ADMIN, NOBODY or what `let_in` was told
        """
        return self._directory / f'{user}.kubeconfig'

    def token_of(self, user: str) -> str:
        """Return the token of ADMIN or NOBODY."""
        return self._tokens[user]

    def token(self, account: str, namespace: str = 'default') -> str:
        """Return a real, bound token of a ServiceAccount, for a day."""
        return self.kubectl(
            'create', 'token', account, '-n', namespace, '--duration=24h'
        ).strip()

    def let_in(self, account: str, namespace: str = 'default') -> pathlib.Path:
        """Return a kubeconfig of a ServiceAccount; with its rights alone.

        Then ``user=account`` too is of that account.
        """
        self._write_config(account, self.token(account, namespace))
        return self.kubeconfig(account)

    def let_users_in(self) -> None:
        """Write the configurations of ADMIN and NOBODY.

        The API server has made its certificate by now.
        """
        for user, token in self._tokens.items():
            self._write_config(user, token)

    def _write_config(self, user: str, token: str) -> None:
        trust = base64.b64encode(self.cafile.read_bytes()).decode()
        cluster = {'server': self.url, 'certificate-authority-data': trust}
        config = {
            'apiVersion': 'v1',
            'kind': 'Config',
            'clusters': [{'name': 'test', 'cluster': cluster}],
            'users': [{'name': user, 'user': {'token': token}}],
            'contexts': [
                {'name': user, 'context': {'cluster': 'test', 'user': user}}
            ],
            'current-context': user,
        }
        path = self.kubeconfig(user)
        path.touch(mode=0o600)
        # JSON is YAML too.
        path.write_text(json.dumps(config))


def _keeper(
    kind: str,
    name: str,
    namespace: str,
    pod: Mapping[str, Any],
    **spec: Any,
) -> dict[str, Any]:
    """Return what keeps pods, whose label ``app`` is its name."""
    labels = {'app': name}
    template = {
        'metadata': {'labels': labels},
        'spec': {'containers': [CONTAINER], **pod},
    }
    return {
        'apiVersion': 'apps/v1',
        'kind': kind,
        'metadata': {'name': name, 'namespace': namespace},
        'spec': {
            'selector': {'matchLabels': labels},
            'template': template,
            **spec,
        },
    }


def _is_up_to_date(found: Mapping[str, Any]) -> bool:
    """Whether a controller has seen it as it is now."""
    seen = found.get('status', {}).get('observedGeneration')
    return bool(seen == found['metadata']['generation'])
