from typing import Any

from steal_scheduler.exception import RequestRefused
from tests.unit.osc.rig import SHOP, WEB1, ShellTestCase, server
from tests.unit.osc.v1.test_look import PLAN


def host(*servers: Any, **more: Any) -> dict[str, Any]:
    return {
        'host': 'tokyo1',
        'zone': 'tokyo',
        'tier': 'hot',
        'steal': 0.2,
        'cores': 16.0,
        'servers': [*servers],
        'demand_low': 14.0,
        'demand_expected': 20.0,
        'demand_high': 22.5,
        'room': {'VCPU': 3.0, 'MEMORY_MB': 1024.0},
        'unreliable': None,
        'paused': None,
        'drained': None,
        'policy': {
            'steal:slots': {'value': '2', 'source': 'aggregate fast'},
        },
        **more,
    }


class TestLooks(ShellTestCase):
    def test_list(self) -> None:
        row = host() | {'servers': 12}
        self.leader.answers['hosts'] = {'hosts': [row]}
        out = self.done('host list --zone tokyo').out
        self.assertEqual(('hosts', {'zone': 'tokyo'}), self.asked())
        self.assertIn('| 20.0% | 16.00 | 12      | 20.00  |', out)
        [found] = self.rows('host list --long')
        self.assertEqual(row['policy'], found['Policy'])
        self.assertEqual((12, 0.2), (found['Servers'], found['Steal']))

    def test_show(self) -> None:
        self.leader.answers['host'] = host(server(WEB1, 'web'))
        out = self.done('host show tokyo1').out
        self.assertEqual(('host', {'host': 'tokyo1'}), self.asked())
        for said in (
            f'Servers     | web ({WEB1}) active; locked: it is locked',
            'Room        | VCPU 3, MEMORY_MB 1024',
            'Policy      | steal:slots = 2 (aggregate fast)',
        ):
            self.assertIn(f'| {said}', out)
        [found] = self.rows('host show tokyo1')['Servers']
        self.assertEqual(WEB1, found['server_id'])


class TestRelieve(ShellTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.leader.answers['host'] = host(server(WEB1, 'web'))
        self.said = {k: PLAN[k] for k in ('admitted', 'refusals')}
        self.leader.answers['host_relieve'] = self.said

    def test_rows(self) -> None:
        rows = self.rows('host relieve tokyo1 --reason "a fire"')
        self.assertEqual(
            ('host_relieve', {'host': 'tokyo1', 'reason': 'a fire'}),
            self.asked(),
        )
        self.assertEqual(
            [('move', 'shop'), ('refused', 'web')],
            [(row['What'], row['Name']) for row in rows],
        )

    def test_nothing_leaves(self) -> None:
        self.said['admitted'] = []
        ran = self.steal('host relieve tokyo1')
        self.assertEqual(2, ran.status)
        self.assertIn('it is locked', ran.out)

    def test_wait(self) -> None:
        move = {'stage': 'drain', 'source': 'tokyo1'}
        for outcome, status in (('helped', 0), ('failed', 2)):
            old = server(SHOP, 'shop', move=None, last={'outcome': outcome})
            asked = iter(({**old, 'move': move}, old))
            self.leader.call = self.answering(  # type: ignore[method-assign]
                'server', lambda asked=asked: next(asked)
            )
            ran = self.steal('host relieve tokyo1 --wait -f json')
            self.assertEqual(status, ran.status)
            self.assertEqual(
                [
                    f'shop ({SHOP}): drain from tokyo1',
                    f'shop ({SHOP}): {outcome}',
                ],
                ran.err.splitlines(),
            )
            self.assertEqual(2, len(ran.json))


class TestDrain(ShellTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.leader.answers['host'] = host()

    def test_it(self) -> None:
        self.done(
            'host drain tokyo1 --until 2099-01-01T00:00Z --reason "a: b"'
        )
        asked = {'host': 'tokyo1', 'until': '2099-01-01T00:00:00Z'}
        _, method, args = self.leader.asked[0]
        self.assertEqual('host_drain', method)
        self.assertEqual({**asked, 'reason': 'a: b'}, args)

    def test_stop(self) -> None:
        self.done('host drain tokyo1 --stop')
        _, method, args = self.leader.asked[0]
        self.assertEqual(('host_undrain', {'host': 'tokyo1'}), (method, args))

    def test_stop_takes_no_reason(self) -> None:
        ran = self.steal('host drain tokyo1 --stop --for 2h')
        self.assertEqual(1, ran.status)
        self.assertEqual([], self.leader.asked)

    def test_wait_until_it_is_empty(self) -> None:
        texts = 'a', 'b', 'b', None
        hosts = iter(
            [
                *(
                    host(*[server(WEB1, 'web')] * left, drained=text)
                    for left, text in zip((2, 1, 0, 0), texts, strict=True)
                )
            ]
        )
        self.leader.call = self.answering(  # type: ignore[method-assign]
            'host', lambda: next(hosts)
        )
        ran = self.done('host drain tokyo1 --wait')
        self.assertEqual(
            [
                'tokyo1: a',
                'tokyo1: b',
            ],
            ran.err.splitlines(),
        )

    def test_some_cannot_leave(self) -> None:
        self.leader.answers['host'] = host(server(WEB1, 'web'))
        ran = self.steal('host drain tokyo1 --wait --timeout 1s')
        self.assertEqual(2, ran.status)
        self.assertIn('tokyo1: 1 servers left\n', ran.err)
        self.assertIn(f'web ({WEB1}) active; locked: it is locked', ran.out)

    def test_refused(self) -> None:
        no = RequestRefused('conflict', 'no other host has room')
        self.leader.answers['host_drain'] = no
        ran = self.steal('host drain tokyo1')
        self.assertEqual(
            (2, 'Refused: no other host has room\n'), (ran.status, ran.err)
        )
