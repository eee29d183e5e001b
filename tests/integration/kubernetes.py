"""A real Kubernetes on this machine, without containers.

etcd, API server with RBAC, controllers, scheduler and kubectl are the real
programs of one release. Each node is the real kubelet too, with a container
runtime that only pretends (kubemark): a pod is placed, becomes ready, is
evicted and ends as anywhere else, but nothing runs in it.
"""

import contextlib
import pathlib
import signal
import subprocess
from collections.abc import Callable, Mapping
from typing import Any, Self

import requests

from tests.integration import daemons, workloads
from tests.integration.binaries import binary
from tests.integration.kubectl import ADMIN, NOBODY, Kubectl, KubectlError
from tests.integration.kubelets import Kubelet
from tests.integration.node_network import NodeNetwork

__all__ = ['ADMIN', 'NOBODY', 'Cluster', 'KubectlError']


class Cluster(Kubectl):
    """One that nobody else can reach, with a token for whoever may."""

    def __init__(
        self, directory: pathlib.Path, nodes: Mapping[str, str]
    ) -> None:
        """Describe it; start nothing.

        :param directory: empty, and its own; best on a tmpfs
        :param nodes: name -> uuid of the server that it runs on
        """
        self._network = NodeNetwork(directory)
        address = self._network.address
        super().__init__(directory, f'https://{address}:6443')
        self._servers = dict(nodes)
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
        self._stack = contextlib.ExitStack()

    # -- its life ----------------------------------------------------------

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._network)
            # All of it is thrown away, so nothing need end in good order;
            # and an API server would wait for an etcd that has ended.
            for part in (
                self._etcd,
                self.api,
                self._controllers,
                self._scheduler,
            ):
                stack.callback(part.stop, signal.SIGKILL)
                part.start()
                if part is self.api:
                    self.let_users_in()
            stack.callback(self._stop_kubelets)
            for name, server in self._servers.items():
                self._begin_node(name, server)
            self.wait_nodes()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def logs(self) -> list[pathlib.Path]:
        """What its daemons say, once they do."""
        return sorted(self._directory.glob('*.log'))

    # -- outages -----------------------------------------------------------

    def pause(self) -> None:
        """Let the API server accept connections and never answer."""
        self.api.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.api.send(signal.SIGCONT)

    def stop(self) -> None:
        """Let nobody listen where the API server was."""
        self.api.stop(signal.SIGKILL)

    def start(self) -> None:
        """Start the API server again; it knows what it knew."""
        self.api.start()

    # -- nodes -------------------------------------------------------------

    def add_node(self, name: str, server: str, **labels: str) -> None:
        """Add a node; it is ready on return."""
        self._begin_node(name, server, labels)
        self.wait_nodes()

    def delete_node(self, name: str) -> None:
        """Take a node and its kubelet away, as scaling down does."""
        self.stop_kubelet(name)
        self._kubelets.pop(name)
        self.kubectl('delete', 'node', name)

    def stop_kubelet(self, name: str) -> None:
        """Let a node go silent; after 50 s it counts as not ready."""
        self._kubelets[name].stop()

    def start_kubelet(self, name: str) -> None:
        self._kubelets[name].start()

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
        self.apply(
            workloads.deployment(name, replicas, namespace=namespace, **pod)
        )
        if budget is not None:
            self.apply(workloads.budget(name, budget, namespace=namespace))
        self.wait_deployed(name, namespace)

    def wait_deployed(
        self, name: str, namespace: str = 'default', within: float = 90
    ) -> None:
        """Wait until all its pods are ready, and its budget knows."""
        workloads.wait_deployed(self, name, namespace, within)

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

    def _begin_node(
        self, name: str, server: str, labels: Mapping[str, str] | None = None
    ) -> None:
        # Before its kubelet, which would give it an id of its own; here that
        # is what OpenStack's cloud provider does.
        self.apply(
            {
                'apiVersion': 'v1',
                'kind': 'Node',
                'metadata': {
                    'name': name,
                    'labels': {
                        'kubernetes.io/hostname': name,
                        **(labels or {}),
                    },
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
