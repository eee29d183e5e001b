import time

from oslotest import base

from steal_scheduler.exception import SignalError
from steal_scheduler.model.history import MEASURED, PastMove
from steal_scheduler.signals.prometheus import past_moves
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.hostile import HOSTILE, SHOWN
from tests.standins import prometheus
from tests.standins.transport import mounted
from tests.unit.options import configuration

URL = 'http://192.0.2.1:9090'
ENDED = '2026-11-29T14:00:00Z'
AT = 1_795_960_800.0
S = {'server': 's', 'ended': ENDED}
INFO = {
    **S,
    'name': 'web-1',
    'project': 'p',
    'zone': 'az1',
    'source': 'a',
    'target': 'b',
    'reason': 'it waits',
    'outcome': 'helped',
}


class TestPastMoves(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.prometheus = prometheus.Prometheus()
        self.enterContext(mounted({URL: self.prometheus}))
        self.reader = past_moves.PastMoves(
            configuration(
                'prometheus',
                PrometheusSource.OPTS,
                url=URL,
                selector='cloud="x"',
            )
        )

    def read(self, *info, first=((({}, AT, AT)),), **measured):
        """What it makes of these answers, by the end of a metric's name."""
        by_name = {'info': info, **dict.fromkeys(MEASURED, ()), **measured}
        test = self

        class Answers(dict):
            def __getitem__(self, promql):
                test.assertIn('{cloud="x"}', promql)
                if 'steal_migrator_leader' in promql:
                    return prometheus.vector(*first)
                name = promql.removeprefix(
                    'last_over_time(steal_migrator_move_'
                ).partition('{')[0]
                return prometheus.vector(*by_name[name])

        self.prometheus.answers = Answers()
        return self.reader.read(AT - 3600)

    def test_a_move(self):
        told = self.read(
            (INFO, 1, AT + 60),
            steal_before_ratio=[(S, 0.5, AT)],
            steal_after_ratio=[(S, 0.1, AT)],
            out_of_service_seconds=[(S, 90, AT)],
            copied_bytes=[(S, 4096 * 1024**2, AT)],
            relief_core_seconds=[(S, -3, AT)],
        )
        self.assertEqual(
            (
                PastMove(
                    server_id='s',
                    source='a',
                    target='b',
                    ended_at=AT,
                    name='web-1',
                    project_id='p',
                    zone='az1',
                    reason='it waits',
                    outcome='helped',
                    steal_before=0.5,
                    steal_after=0.1,
                    seconds_out=90.0,
                    copied_mb=4096.0,
                    relief_core_seconds=-3.0,
                    told_by=frozenset({'prometheus'}),
                ),
            ),
            tuple(told.moves),
        )
        self.assertEqual((AT, 0), (told.since, told.unreadable))

    def test_what_was_corrected_later(self):
        """In any order, and by any migrator."""
        later = {**INFO, 'outcome': 'not_helped', 'instance': 'other'}
        for info in ([INFO, later], [later, INFO]):
            told = self.read(*((one, 1, AT) for one in info))
            self.assertEqual(['not_helped'], [m.outcome for m in told.moves])

    def test_nothing_is_believed(self):
        hostile = {**INFO, 'server': HOSTILE, 'name': HOSTILE, 'zone': ''}
        told = self.read(
            (hostile, 1, AT),
            *(
                ({**INFO, 'ended': ended}, 1, AT)
                for ended in ('', 'yesterday', '2026-11-29T14:00:00')
            ),
            ({k: v for k, v in INFO.items() if k != 'server'}, 1, AT),
            # It ended before.
            ({**INFO, 'ended': '2026-11-29T12:00:00Z'}, 1, AT),
            steal_before_ratio=[(S, 'NaN', AT), (S, '+Inf', AT), (S, 'x', AT)],
        )
        (move,) = told.moves
        self.assertEqual((SHOWN, SHOWN), (move.server_id, move.name))
        self.assertIsNone(move.zone)
        self.assertEqual(4, told.unreadable)

    def test_no_migrator_is_known(self):
        told = self.read(first=())
        self.assertEqual(((), None), (tuple(told.moves), told.since))

    def test_no_answer(self):
        def fails(headers):
            return False

        self.prometheus.guard = fails
        self.assertRaises(SignalError, self.reader.read, time.time() - 60)
