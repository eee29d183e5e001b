import logging

import fixtures
from oslotest import base

from steal_scheduler.exception import SignalError
from steal_scheduler.signals import connection, login
from steal_scheduler.signals.query import PrometheusApi
from steal_scheduler.signals.union import PART, Union, union
from tests.unit.signals import stand_in
from tests.unit.signals.options import configuration

QUERIES = {'used_query': 'u # cores', 'waited_query': 'w or v'}
#: A query that Prometheus does not understand.
BROKEN = 400, {'status': 'error', 'error': 'parse error'}


class TextTest(base.BaseTestCase):
    def test_one_is_asked_as_it_is(self):
        self.assertEqual('u', union({'used_query': 'u'}))

    def test_each_keeps_to_itself(self):
        self.assertEqual(
            'label_replace((u # cores\n),'
            '"steal_value","used_query","steal_value",".*") or '
            'label_replace((w or v\n),'
            '"steal_value","waited_query","steal_value",".*")',
            union(QUERIES),
        )


class AskTest(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(
            fixtures.FakeLogger('steal_scheduler', level=logging.INFO)
        )
        self.prometheus = self.enterContext(stand_in.StandIn())
        self.prometheus.answers = {
            'u # cores': stand_in.vector(
                ({'id': 'a'}, 1.0, 5.0), ({'id': 'b'}, 2.0, 5.0)
            ),
            'w or v': stand_in.vector(({'id': 'a'}, 3.0, 5.0)),
        }
        self.api = PrometheusApi(
            configuration(
                'prometheus',
                [*connection.OPTS, *login.OPTS],
                url=self.prometheus.url,
            )
        )
        self.union = Union(self.api, QUERIES)

    def _values(self):
        return {
            option: [sample.value for sample in samples]
            for option, samples in self.union.ask().items()
        }

    def test_one_question_two_answers(self):
        self.assertEqual(
            {'used_query': [1.0, 2.0], 'waited_query': [3.0]}, self._values()
        )
        self.assertEqual({'used_query, waited_query': 1}, self.api.queries)

    def test_one_query_alone(self):
        self.union = Union(self.api, {'waited_query': 'w or v'})
        self.assertEqual({'waited_query': [3.0]}, self._values())

    def test_a_query_without_an_answer(self):
        self.prometheus.answers['w or v'] = stand_in.vector()
        self.assertEqual([], self._values()['waited_query'])

    def test_a_part_of_no_query_is_dropped(self):
        odd = stand_in.vector(({PART: 'x'}, 1.0, 5.0), ({}, 2.0, 5.0))
        self.prometheus.answers = {self.union.union: odd}
        self.prometheus.no_unions = 200, odd
        self.assertEqual(
            {'used_query': [], 'waited_query': []}, self._values()
        )

    def test_the_guilty_one_is_named(self):
        self.prometheus.answers['w or v'] = BROKEN
        error = self.assertRaises(SignalError, self.union.ask)
        self.assertIn('[prometheus] waited_query: ', str(error))
        self.assertIn('parse error', str(error))

    def test_alone_they_are_not_too_much(self):
        self.prometheus.no_unions = (
            422,
            {'status': 'error', 'error': 'too many samples'},
        )
        for _ in range(2):
            self.assertEqual([3.0], self._values()['waited_query'])
        self.assertEqual(1, self.logs.output.count('too many samples'))
        self.assertEqual(6, self.api.queries.total())

    def test_an_outage_is_not_asked_about_twice(self):
        for status in (401, 403, 500, 503):
            self.prometheus.requests.clear()
            self.prometheus.no_unions = status, b''
            error = self.assertRaises(SignalError, self.union.ask)
            self.assertIn(
                f'used_query, waited_query: answered {status}', str(error)
            )
            self.assertEqual(1, len(self.prometheus.requests))
