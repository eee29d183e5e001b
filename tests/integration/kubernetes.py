"""A real Kubernetes on this machine, without containers.

etcd, API server with RBAC, controllers, scheduler and kubectl are the real
programs of one release. Each node is the real kubelet too, with a container
runtime that only pretends (kubemark): a pod is placed, becomes ready, is
evicted and ends as anywhere else, but nothing runs in it.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

from tests.integration import daemons
from tests.integration.binaries import binary, skip_if_left_out
from tests.integration.kubectl import ADMIN, Kubectl, KubectlError
from tests.integration.machines import NodeNetwork
from tests.shared import Shared

RBAC = (
    pathlib.Path(__file__).parents[2]
    / 'etc/kubernetes/steal-migrator-rbac.yaml'
)
#: Of steal-migrator, as that file has it.
ACCOUNT, HOME = 'steal-migrator', 'steal-scheduler'

#: kubemark insists on /tmp, and leaves its files there: it gets one of its
#: own. The program itself may be hidden by that, so it is opened before.
_OWN_TMP = """
directory=$1
exec 9< "$2"
shift 2
mount --bind "$directory" /tmp
cd /tmp
exec /proc/self/fd/9 "$@"
"""


class Cluster(Kubectl, daemons.Parts):
    """One that nobody else can reach, with a token for whoever may."""

    def __init__(self) -> None:
        """Describe it; start nothing."""
        memory = '/dev/shm' if pathlib.Path('/dev/shm').is_dir() else None
        self._temporary = tempfile.TemporaryDirectory(
            dir=memory, ignore_cleanup_errors=True
        )
        directory = pathlib.Path(self._temporary.name)
        self._network = NodeNetwork(directory)
        address = self._network.address
        super().__init__(directory, f'https://{address}:6443')
        self._key(directory / 'accounts.key')
        client, peer = (f'http://{address}:{port}' for port in (2379, 2380))
        self._etcd = self._daemon(
            'etcd',
            {
                'data-dir': directory / 'etcd',
                'unsafe-no-fsync': 'true',
                'log-level': 'error',
                'listen-client-urls': client,
                'advertise-client-urls': client,
                'listen-peer-urls': peer,
                'initial-advertise-peer-urls': peer,
                'initial-cluster': f'default={peer}',
            },
            ready=lambda: requests.get(f'{client}/health', timeout=5).ok,
        )
        self.api = self._daemon(
            'kube-apiserver',
            {
                'etcd-servers': client,
                'bind-address': address,
                'secure-port': '6443',
                'cert-dir': directory / 'certs',
                'service-cluster-ip-range': '10.96.0.0/16',
                'authorization-mode': 'RBAC',
                'token-auth-file': self.token_file,
                'service-account-issuer': 'https://kubernetes.default.svc',
                'service-account-key-file': directory / 'accounts.key',
                'service-account-signing-key-file': directory / 'accounts.key',
                # Pods need no token, and namespaces no account for them.
                'disable-admission-plugins': 'ServiceAccount',
                'endpoint-reconciler-type': 'none',
            },
            ready=self._api_ready,
        )
        common = {
            'kubeconfig': self.kubeconfig(ADMIN),
            'leader-elect': 'false',
            'secure-port': '0',
        }
        self._controllers = self._daemon(
            'kube-controller-manager',
            {
                **common,
                'service-account-private-key-file': directory / 'accounts.key',
                'controllers': '*,-nodeipam,-cloud-node-lifecycle',
            },
        )
        self._scheduler = self._daemon('kube-scheduler', common)
        self._kubelets: dict[str, Kubelet] = {}

    # -- its life ----------------------------------------------------------

    def begin(self, stack: contextlib.ExitStack) -> None:
        stack.enter_context(self._temporary)
        stack.enter_context(self._network)
        # All of it is thrown away, so nothing need end in good order; and an
        # API server would wait for an etcd that has ended.
        for part in self._etcd, self.api, self._controllers, self._scheduler:
            stack.callback(part.stop, signal.SIGKILL)
            part.start()
            if part is self.api:
                self.let_users_in()
        stack.callback(self._stop_kubelets)
        self.apply(RBAC.read_text())
        #: With the rights of the manifest, and no others.
        self.of_migrator = self.let_in(ACCOUNT, HOME)

    @property
    def logs(self) -> list[pathlib.Path]:
        """What its daemons say, once they do."""
        return sorted(self._directory.glob('*.log'))

    # -- outages -----------------------------------------------------------

    def pause(self) -> None:
        """Let the API server accept connections and never answer."""
        self.api.send(signal.SIGSTOP)
        # On a busy machine it has answered once more by then.
        os.waitid(os.P_PID, self.api.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        self.api.send(signal.SIGCONT)

    def stop(self) -> None:
        """Let nobody listen where the API server was."""
        self.api.stop(signal.SIGKILL)

    def start(self) -> None:
        """Start the API server again; it knows what it knew."""
        self.api.start()

    # -- nodes -------------------------------------------------------------

    def add_nodes(self, servers: Mapping[str, str]) -> None:
        """Add nodes; they are ready on return.

        :param servers: name -> uuid of the server that it runs on
        """
        for name, server in servers.items():
            self._begin_node(name, server)
        self.wait_nodes()

    @contextlib.contextmanager
    def nodes(self, servers: Mapping[str, str]) -> Iterator[None]:
        """Have these nodes for a while."""
        self.add_nodes(servers)
        try:
            yield
        finally:
            for name in servers:
                self.delete_node(name)

    def delete_node(self, name: str) -> None:
        """Take a node and its kubelet away, as scaling down does."""
        self._kubelets.pop(name).stop()
        self.kubectl('delete', 'node', name)

    def clear(self) -> None:
        """Delete all nodes, and what is deployed for them."""
        for name in list(self._kubelets):
            self.delete_node(name)
        self.kubectl('delete', 'deployments,pdb', '--all')

    def static_pods(self, name: str) -> pathlib.Path:
        """Return where a manifest becomes a static pod of the node."""
        return self._kubelets[name].static_pods

    def wait_nodes(self, within: float = 90) -> None:
        """Wait until all take pods, but those that are cordoned.

        :raises DaemonError: some do not; the message has their logs
        """
        missing = list(self._kubelets)

        def are_ready() -> bool:
            missing[:] = [
                node['metadata']['name']
                for node in self.get('nodes')['items']
                if not _is_ready(node) or _not_ready_taints(node)
            ]
            return not missing

        try:
            daemons.until(
                'the nodes are ready',
                are_ready,
                within,
                failing=(KubectlError,),
                hopeless=lambda: any(
                    kubelet.has_ended for kubelet in self._kubelets.values()
                ),
            )
        except daemons.DaemonError as e:
            logs = [self._kubelets[name].said() for name in missing]
            raise daemons.DaemonError('\n'.join([str(e), *logs])) from e

    # -- its parts ---------------------------------------------------------

    def _daemon(
        self,
        name: str,
        options: Mapping[str, Any],
        ready: Callable[[], bool] = lambda: True,
    ) -> daemons.Daemon:
        argv = [f'--{option}={value}' for option, value in options.items()]
        return daemons.Daemon(
            name,
            [binary(name), *argv],
            self._directory,
            ready,
            {'HOME': str(self._directory)},
        )

    def _api_ready(self) -> bool:
        return requests.get(
            f'{self.url}/readyz',
            headers={'Authorization': f'Bearer {self._tokens[ADMIN]}'},
            verify=str(self.cafile),
            timeout=5,
        ).ok

    def _begin_node(self, name: str, server: str) -> None:
        # Before its kubelet, which would give it an id of its own; here that
        # is what OpenStack's cloud provider does.
        self.apply(
            {
                'apiVersion': 'v1',
                'kind': 'Node',
                'metadata': {
                    'name': name,
                    'labels': {'kubernetes.io/hostname': name},
                },
                'spec': {'providerID': f'openstack:///{server}'},
            }
        )
        kubelet = Kubelet(
            name, self._directory, self.kubeconfig(), self._network
        )
        self._kubelets[name] = kubelet
        kubelet.start()

    def _stop_kubelets(self) -> None:
        for kubelet in self._kubelets.values():
            kubelet.stop()

    @staticmethod
    def _key(path: pathlib.Path) -> None:
        subprocess.run(
            [daemons.program('openssl'), 'genrsa', '-out', str(path), '2048'],
            check=True,
            capture_output=True,
        )


def _is_ready(node: Mapping[str, Any]) -> bool:
    return any(
        condition['type'] == 'Ready' and condition['status'] == 'True'
        for condition in node['status'].get('conditions', ())
    )


def _not_ready_taints(node: Mapping[str, Any]) -> bool:
    return any(
        taint['key'] == 'node.kubernetes.io/not-ready'
        for taint in node['spec'].get('taints', ())
    )


class Kubelet:
    """That of one node: the real one, with a runtime that pretends.

    It serves its node, if there is one of its name.
    """

    def __init__(
        self,
        name: str,
        directory: pathlib.Path,
        kubeconfig: pathlib.Path,
        network: NodeNetwork,
    ) -> None:
        """Describe it; start nothing.

        :param directory: where it gets one of its own, of its name
        :param network: where it runs, with others
        """
        self._tmp = directory / name
        self._tmp.mkdir(exist_ok=True)
        shutil.copy(kubeconfig, self._tmp / 'kubeconfig')
        argv = [
            *network.entering(),
            *(daemons.program('unshare'), '--mount'),
            *('sh', '-ec', _OWN_TMP, 'sh', str(self._tmp)),
            binary('kubemark'),
            '--morph=kubelet',
            f'--name={name}',
            '--kubeconfig=/tmp/kubeconfig',
            # Any that is free.
            *('--kubelet-port=0', '--kubelet-read-only-port=0'),
            '--use-host-image-service=false',
        ]
        self._daemon = daemons.Daemon(
            f'kubelet-{name}',
            argv,
            directory,
            lambda: True,
            {'HOME': '/tmp'},
        )

    @property
    def static_pods(self) -> pathlib.Path:
        """Where a manifest becomes a static pod."""
        # One more with each start.
        found = self._tmp.glob('hollow-kubelet*/static-pods*')
        return max(found, key=lambda path: path.stat().st_ctime_ns)

    @property
    def has_ended(self) -> bool:
        """Whether it runs no longer, though nobody stopped it."""
        return self._daemon.has_ended

    def said(self) -> str:
        return self._daemon.said()

    def start(self) -> None:
        self._daemon.start()

    def stop(self) -> None:
        self._daemon.stop(signal.SIGKILL)


#: The one of this process.
cluster: Cluster


@contextlib.contextmanager
def _running() -> Iterator[None]:
    global cluster
    with Cluster() as cluster:
        yield


_shared = Shared(_running)


def set_up(
    nodes: Mapping[str, str] | None = None,
) -> Callable[[], None]:
    """Return the ``setUpModule`` of the module that calls this.

    :param nodes: those of the module, as for `Cluster.nodes`
    """
    start = _shared.set_up()

    def set_up_module() -> None:
        skip_if_left_out()
        start()
        unittest.enterModuleContext(cluster.nodes(nodes or {}))

    return set_up_module
