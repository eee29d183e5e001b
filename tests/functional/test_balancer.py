"""The demo's balancer: what it answers, and what it would have noticed."""

from tests.functional import loop  # isort: skip (before Nova's)

import io
import json
import pathlib
import tempfile
from typing import Any

import requests
from oslotest import base

from steal_scheduler.demo import driver, goals
from steal_scheduler.demo.balancer import Balancer, Outage
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.driver import Copied
from steal_scheduler.demo.http import Http
from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.webhook.plugin import Webhook
from tests.functional.scene import Scene
from tests.unit.orchestrators.webhook import rig

scene = Scene({'az1': ['a1', 'a2', 'a3']})
setUpModule, tearDownModule = scene.start, scene.stop


def shop(server_id: str) -> Server:
    return Server(
        server_id, f'{server_id}-shop', 'a', 'az1', 'ACTIVE', 1, 1, 1
    )


class TestBalancer(base.BaseTestCase):
    """Over HTTP, as our webhook meets it."""

    def setUp(self) -> None:
        super().setUp()
        self.told: list[str] = []
        self.directory = tempfile.mkdtemp(dir=scene.workdir)
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
            30.0,
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


class TestNoticed(base.BaseTestCase):
    """Each promise is one that can be broken."""

    copied = Copied('b1', 10.0, 12.0)

    def noticed(self, *outages: Outage, **other: Any) -> list[str]:
        return goals.noticed(
            {'b1', 'b2'},
            outages,
            other.get('copied', [self.copied]),
            other.get('moved', {'b1'}),
            {'b1': 'shop-1', 'b2': 'shop-2', 'x': 'mail'},
        )

    def outage(self, **other: Any) -> Outage:
        values = {'left': 8.0, 'empty': 9.0, 'back': 13.0}
        return Outage('b1', fewest=1, size=2, **(values | other))

    def test_nothing(self) -> None:
        self.assertEqual([], self.noticed(self.outage()))

    def test_in_service_while_it_migrated(self) -> None:
        said = 'MISSED: shop-1 migrated while in the balancer.'
        for outages in (
            (),
            (self.outage(empty=10.1),),
            (self.outage(empty=None),),
            (self.outage(back=11.9),),
            (self.outage(back=9.5), self.outage(left=11.0, empty=11.5)),
        ):
            self.assertIn(said, self.noticed(*outages))
        other = self.outage()
        other.server_id = 'b2'
        self.assertIn(said, self.noticed(other))

    def test_not_back(self) -> None:
        self.assertEqual(
            ['MISSED: shop-1 is still drained.'],
            self.noticed(self.outage(back=None)),
        )

    def test_not_alone(self) -> None:
        outage = self.outage()
        outage.fewest = 0
        self.assertEqual(
            ['MISSED: shop-1 was not drained alone.'],
            self.noticed(outage),
        )

    def test_never_copied(self) -> None:
        self.assertEqual(
            ['MISSED: shop-1 moved, and no hypervisor copied it.'],
            self.noticed(self.outage(), copied=[]),
        )

    def test_who_is_not_in_it(self) -> None:
        self.assertEqual(
            [],
            self.noticed(
                self.outage(),
                copied=[self.copied, Copied('x', 1.0, 2.0)],
                moved={'b1', 'x'},
            ),
        )


class TestMoved(loop.LoopTestCase):
    """By the migrator, on a real Nova."""

    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.mover = self.boot_contended(
            role='books', metadata={'demo:seconds': '0.5'}
        )
        self.balancer = Balancer(self.directory / 'key', lambda text: None)
        self.balancer.add(self.mover, 'books-shop', 'books')
        self.asked: list[tuple[str, str]] = []
        self.scene.cloud.http.apps['balancer'] = self.listen
        self.addCleanup(self.scene.cloud.http.apps.pop, 'balancer')

    def listen(self, environ: Any, start_response: Any) -> Any:
        """Note what the balancer is asked, and the id of the message."""
        body = environ['wsgi.input'].read(int(environ['CONTENT_LENGTH']))
        verb = json.loads(body)['type'].removeprefix('server.')
        self.asked.append((verb, environ['HTTP_WEBHOOK_ID']))
        environ['wsgi.input'] = io.BytesIO(body)
        return self.balancer.app(environ, start_response)

    def ids(self, verb: str) -> list[str]:
        return [id_ for asked, id_ in self.asked if asked == verb]

    def moved(self, **sections: Any) -> list[str]:
        """What a customer has noticed of the move."""
        migrator = self.loop(**sections)
        migrator.until_ended(self.mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual([], scene.tags(self.mover))
        return goals.noticed(
            self.balancer.members,
            self.balancer.outages,
            driver.DemoDriver.copied,
            {self.mover},
            {self.mover: 'shop'},
        )

    def test_drained(self) -> None:
        options = {
            'driver': 'webhook',
            'url': f'{scene.cloud.url}/balancer',
            'signing_key_file': self.balancer.key_file,
            'lists_detached': True,
            'roles': 'books',
        }
        noticed = self.moved(
            migrator={'orchestrators': 'balancer'}, balancer=options
        )
        self.assertEqual([], noticed)
        (outage,) = self.balancer.outages
        self.assertIsNotNone(outage.back)
        # By its tag each repetition has the same id: its sessions had to end.
        drains, reattaches = self.ids('drain'), self.ids('reattach')
        self.assertGreater(len(drains), 1)
        self.assertEqual(1, len({*drains}))
        self.assertEqual(1, len({*reattaches}))
        self.assertNotEqual(drains[0], reattaches[0])

    def test_not_drained(self) -> None:
        self.assertEqual(
            ['MISSED: shop migrated while in the balancer.'],
            self.moved(migrator={'orchestrators': ''}),
        )
