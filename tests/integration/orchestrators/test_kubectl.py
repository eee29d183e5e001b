"""kubectl of the same release is the second opinion."""

import os
import re
import subprocess
from typing import Any

from steal_scheduler.orchestrators.base import DONE
from steal_scheduler.orchestrators.kubernetes.nodes import SCALE_DOWN
from tests.integration.binaries import binary
from tests.integration.daemons import until
from tests.integration.kubectl import CONTAINER
from tests.integration.kubernetes import RBAC
from tests.integration.orchestrators.kubernetes_case import (
    ANNOTATION,
    KUBECONFIG,
    LABEL,
    PAGE,
    UUIDS,
    KubernetesTest,
    set_up,
)

setUpModule = set_up()


class TestKubectl(KubernetesTest):
    """Ours and kubectl's, from the same state to the same state."""

    def fill(self) -> None:
        """One node with everything on it that a drain tells apart."""
        here = {'nodeSelector': {'kubernetes.io/hostname': 'n0'}}
        short = {'terminationGracePeriodSeconds': 1}
        self.deploy('web', 3, budget=2, **short)
        self.deploy('pinned', 2, **here, **short)
        empty = [{'name': 'a', 'emptyDir': {}}]
        self.deploy('cache', 1, volumes=empty, **here, **short)
        self.pod('bare', 'n0')
        self.pod('done', 'n0', activeDeadlineSeconds=1, volumes=empty)
        self.wait_phase('done', 'Failed')
        self.daemon_set('agent', volumes=empty, **short)
        pod = {**short, 'volumes': empty, 'containers': [CONTAINER]}
        namespace = {'namespace': self.namespace}
        self.cluster.apply(
            {
                'apiVersion': 'batch/v1',
                'kind': 'Job',
                'metadata': {**namespace, 'name': 'batch'},
                'spec': {
                    'backoffLimit': 0,
                    'template': {
                        'spec': {
                            **pod,
                            **here,
                            'restartPolicy': 'Never',
                            'activeDeadlineSeconds': 1,
                        }
                    },
                },
            }
        )
        self.static_pod('static', 'n0', volumes=empty)
        wanted = {
            ('DaemonSet', 'agent', 'Running'),
            ('Job', 'batch', 'Failed'),
            ('Node', 'static-n0', 'Running'),
            ('Pod', 'bare', 'Running'),
            ('Pod', 'done', 'Failed'),
            ('ReplicaSet', 'cache', 'Running'),
            ('ReplicaSet', 'pinned', 'Running'),
            ('ReplicaSet', 'web', 'Running'),
        }
        until('the node is full', lambda: self.kept() == wanted)

    def kept(self) -> set[tuple[str, str, str]]:
        """What is on the node: of which kind, its owner, its phase."""
        found = set()
        for pod in self.pods('n0'):
            about, phase = pod['metadata'], pod['status'].get('phase')
            kind, name = 'Pod', about['name']
            for owner in about.get('ownerReferences', ()):
                kind = owner['kind']
                if kind != 'Node':
                    name = about['labels'].get('app') or owner['name']
            found.add((kind, name, phase))
        return found

    def spec(self) -> dict[str, Any]:
        found = self.node('n0')
        found['labels'].pop(LABEL, None)
        for annotation in (ANNOTATION, SCALE_DOWN):
            found['annotations'].pop(annotation, None)
        return found

    def compare(self, flags: list[str], **options: str) -> set[Any]:
        """Return what ours left and kubectl did not."""
        drain = ['drain', 'n0', '--ignore-daemonsets', *flags]
        before = self.spec()
        self.fill()
        self.cluster.kubectl(*drain, '--timeout=60s')
        until('it is tainted', lambda: 'taints' in self.spec()['spec'])
        kubectl, kubectl_node = self.kept(), self.spec()
        self.cluster.kubectl('uncordon', 'n0')
        until('kubectl puts it back', lambda: before == self.spec())
        for path in self.cluster.static_pods('n0').iterdir():
            path.unlink()
        self.tidy()
        self.fresh()
        self.fill()
        plugin = self.plugin(**options)
        self.assertEqual(DONE, self.drained(plugin))
        ours = self.kept()
        until(
            'the node is as kubectl left it',
            lambda: kubectl_node == self.spec(),
        )
        self.assertEqual(DONE, plugin.reattach(self.node_server('n0'), 'n0'))
        until('it is back as with kubectl', lambda: before == self.spec())
        self.assertLessEqual(kubectl, ours)
        self.assertIn(('DaemonSet', 'agent', 'Running'), kubectl)
        self.assertIn(('Node', 'static-n0', 'Running'), kubectl)
        return ours - kubectl

    def test_all_goes_but_what_has_finished(self) -> None:
        """As the manual says, and kubectl does not: their logs are there."""
        left = self.compare(
            ['--force', '--delete-emptydir-data'],
            empty_dir='evict',
            unmanaged='evict',
        )
        self.assertEqual(
            {('Job', 'batch', 'Failed'), ('Pod', 'done', 'Failed')}, left
        )

    def test_both_refuse(self) -> None:
        self.fill()
        there = self.kept()
        for flags, options in (
            ([], {}),
            (['--force'], {'unmanaged': 'evict'}),
            (['--delete-emptydir-data'], {'empty_dir': 'evict'}),
        ):
            done = self.cluster.run(
                'drain', 'n0', '--ignore-daemonsets', *flags
            )
            self.assertEqual(1, done.returncode, done.stderr)
            self.cluster.kubectl('uncordon', 'n0')
            answer = self.plugin(**options).drain(self.node_server('n0'), 'n0')
            detail = self.refused(answer)
            for pod in ('bare', 'cache'):
                name = f'{self.namespace}/{pod}'
                self.assertEqual(name in done.stderr, name in detail, detail)
        self.assertEqual(there, self.kept())


class TestPage(KubernetesTest):
    """doc/source/configuration/kubernetes.rst: its commands work."""

    def test_its_commands(self) -> None:
        self.assertEqual(DONE, self.drained(self.plugin(mode='soft')))
        directory = self.directory()
        (directory / RBAC.name).write_text(RBAC.read_text())
        said = {}
        programs = os.path.dirname(binary('kubectl'))
        for line in re.findall('^    (kubectl .*)$', PAGE.read_text(), re.M):
            command = line.replace('NODE', 'n0')
            said[line] = subprocess.run(
                ['bash', '-o', 'pipefail', '-ec', command],
                cwd=directory,
                env={
                    'HOME': str(directory),
                    'PATH': f'{programs}:/usr/bin:/bin',
                    'KUBECONFIG': str(self.cluster.kubeconfig()),
                },
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        get = 'kubectl get nodes -l steal-scheduler/server '
        listed = next(said[line] for line in said if line.startswith(get))
        self.assertIn('n0', listed)
        self.assertIn(UUIDS['n0'], listed)
        self.assertNotIn('n1', listed)
        self.assertIn('cordoned_by_us": true', ''.join(said.values()))
        rights = next(said[line] for line in said if 'can-i' in line)
        self.assertRegex(rights, r'pods/eviction +\[\] +\[\] +\[create\]')
        # What it took away, and that nothing of us is left.
        self.assertEqual(set(), self.plugin().detached())
        spec = self.node('n0')['spec']
        self.assertNotIn('steal-scheduler', str(spec))
        self.assertNotIn('unschedulable', spec)
        # The file of the page leads there, with the files that they made.
        text = KUBECONFIG.read_text()
        path = directory / 'prod.kubeconfig'
        path.write_text(
            text.replace('https://10.0.0.10:6443', self.cluster.url)
        )
        self.assertNotEqual(text, path.read_text())
        plugin = self.plugin(kubeconfig=str(path))
        self.assertEqual(set(), plugin.detached())
