import pathlib
from typing import Any

import fixtures
import requests
from oslotest import base

from steal_scheduler.demo.balancer import Balancer
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.http import Http
from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.webhook.plugin import Webhook
from tests.shared import PATIENCE
from tests.unit.orchestrators.webhook import rig


def shop(server_id: str) -> Server:
    return Server(
        server_id, f'{server_id}-shop', 'a', 'az1', 'ACTIVE', 1, 1, 1
    )


class TestBalancer(base.BaseTestCase):
    """Over HTTP, as our webhook meets it."""

    def setUp(self) -> None:
        super().setUp()
        self.told: list[str] = []
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.balancer = Balancer(
            pathlib.Path(self.directory, 'balancer.key'), self.told.append
        )
        for id_, kind in (('b1', 'books'), ('b2', 'books'), ('m1', 'music')):
            self.balancer.add(id_, f'{id_}-shop', kind)
        http = Http()
        http.apps['balancer'] = self.balancer.app
        http.start()
        self.addCleanup(http.stop)
        self.url = f'{http.url}/balancer'

    def webhook(self, **options: Any) -> Webhook:
        options.setdefault('signing_key_file', str(self.balancer.key_file))
        options.update(url=self.url, lists_detached=True)
        conf = rig.options(self.directory, **options)
        return Webhook(conf, 'webhook')

    def drain(self, server_id: str) -> None:
        wait_for(
            lambda: self.webhook().drain(shop(server_id), '') == DONE,
            PATIENCE,
            'its sessions to end',
        )

    def test_out_and_back(self) -> None:
        webhook = self.webhook()
        self.assertEqual(
            Answer(State.WAITING, 'its sessions end'),
            webhook.drain(shop('b1'), ''),
        )
        self.assertEqual([], self.told)
        self.drain('b1')
        self.drain('b1')
        self.assertEqual({'b1'}, webhook.detached())
        shown = requests.get(self.url, timeout=30).json()
        self.assertEqual(
            {'in service': ['b2-shop'], 'drained': ['b1-shop']}, shown['books']
        )
        for _ in range(2):
            self.assertEqual(DONE, webhook.reattach(shop('b1'), ''))
        self.assertEqual(frozenset(), webhook.detached())
        self.assertEqual(
            [
                'b1-shop is drained: 1 of 2 books shops serve',
                'b1-shop is reattached: 2 of 2 books shops serve',
            ],
            self.told,
        )
        (outage,) = self.balancer.outages
        self.assertEqual((1, 2), (outage.fewest, outage.size))

    def test_two_of_a_kind(self) -> None:
        for id_ in ('b1', 'm1', 'b2'):
            self.drain(id_)
        self.webhook().reattach(shop('b2'), '')
        fewest = {o.server_id: o.fewest for o in self.balancer.outages}
        self.assertEqual({'b1': 0, 'm1': 0, 'b2': 0}, fewest)

    def test_who_may(self) -> None:
        stranger = self.webhook(signing_key_file=f'{self.directory}/key')
        for verb in (stranger.drain, stranger.reattach):
            self.assertEqual(
                Answer(State.REFUSED, 'status 401: not signed by us'),
                verb(shop('b1'), ''),
            )
        self.assertRaises(OrchestratorError, stranger.detached)
        bare = requests.post(self.url, json={'type': 'a'}, timeout=30)
        self.assertEqual(401, bare.status_code)
        self.assertEqual([], self.balancer.outages)

    def test_who_is_not_in_it(self) -> None:
        """The way back is asked of everybody, and is no trouble here."""
        webhook = self.webhook()
        self.assertEqual(
            Answer(State.REFUSED, 'status 404: no shop of ours'),
            webhook.drain(shop('other'), ''),
        )
        self.assertEqual(DONE, webhook.reattach(shop('other'), ''))
        self.assertEqual([], self.balancer.outages)

    def test_only_we_read_the_key(self) -> None:
        self.assertEqual(0o600, self.balancer.key_file.stat().st_mode & 0o777)
