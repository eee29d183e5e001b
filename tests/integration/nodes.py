"""The nodes of a Kubernetes, as a judge and other operators see them.

Nothing of ours is used here: it asks the API server by itself.
"""

import json
from typing import Any

import requests

from tests.integration.kubernetes import ADMIN, Cluster

#: Seconds for an answer.
_PATIENCE = 20
#: What others write on a node along with cordoning it.
_NOTE = 'example.org/why'


class Nodes:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        config = json.loads(cluster.kubeconfig(ADMIN).read_text())
        token = config['users'][0]['user']['token']
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(cluster.cafile)
        self._session.headers['Authorization'] = f'Bearer {token}'

    def left(self, others: frozenset[str]) -> list[str]:
        """What of us is still to be seen, and what of others is not.

        :param others: nodes that others have cordoned
        """
        found = []
        for node in self._call('GET', '/api/v1/nodes')['items']:
            name = node['metadata']['name']
            cordoned = node['spec'].get('unschedulable', False)
            if cordoned and name not in others:
                found.append(f'node {name} is cordoned')
            if name in others and not (cordoned and self._noted(node)):
                found.append(f'node {name} is not as others left it')
            marks = [
                *node['metadata'].get('annotations', {}),
                *node['metadata'].get('labels', {}),
                *(taint['key'] for taint in node['spec'].get('taints', ())),
            ]
            found += [f'node {name} has {m}' for m in marks if 'steal' in m]
        return found

    def short(self) -> list[str]:
        """Budgets that are not kept now."""
        budgets = self._call('GET', '/apis/policy/v1/poddisruptionbudgets')
        return [
            f'{budget["metadata"]["name"]} has {status["currentHealthy"]} '
            f'pods, and wants {status["desiredHealthy"]}'
            for budget in budgets['items']
            for status in [budget['status']]
            if status['currentHealthy'] < status['desiredHealthy']
        ]

    def is_out(self, name: str) -> bool:
        spec = self._call('GET', f'/api/v1/nodes/{name}')['spec']
        return bool(spec.get('unschedulable', False))

    def take(self, name: str) -> None:
        """Cordon it, as another operator."""
        self._patch(name, taken=True)

    def give_back(self, name: str) -> None:
        self._patch(name, taken=False)

    def reset(self) -> None:
        """Remove all that anybody has done to any, by hand."""
        for node in self._call('GET', '/api/v1/nodes')['items']:
            metadata = node['metadata']
            labels = {k: None for k in metadata['labels'] if 'steal' in k}
            notes = metadata.get('annotations', {})
            taints = [
                taint
                for taint in node['spec'].get('taints', ())
                if 'steal' not in taint['key']
            ]
            patch = {
                'metadata': {
                    'labels': labels,
                    'annotations': {
                        k: None for k in notes if 'steal' in k or k == _NOTE
                    },
                },
                'spec': {'unschedulable': None, 'taints': taints or None},
            }
            self._call('PATCH', f'/api/v1/nodes/{metadata["name"]}', patch)

    def _patch(self, name: str, *, taken: bool) -> None:
        self._call(
            'PATCH',
            f'/api/v1/nodes/{name}',
            {
                'metadata': {
                    'annotations': {_NOTE: 'disk' if taken else None}
                },
                'spec': {'unschedulable': taken or None},
            },
        )

    @staticmethod
    def _noted(node: dict[str, Any]) -> bool:
        return _NOTE in node['metadata'].get('annotations', {})

    def _call(self, method: str, path: str, patch: Any = None) -> Any:
        answer = self._session.request(
            method,
            f'{self.cluster.url}{path}',
            data=None if patch is None else json.dumps(patch),
            headers={'Content-Type': 'application/merge-patch+json'},
            timeout=_PATIENCE,
        )
        answer.raise_for_status()
        return answer.json()
