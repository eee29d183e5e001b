import math

from oslotest import base

from steal_scheduler.signals import sample


class VectorTest(base.BaseTestCase):
    def test_good(self):
        data = {
            'resultType': 'vector',
            'result': [{'metric': {'a': 'b'}, 'value': [1.5, 'NaN']}],
        }
        (one,) = sample.vector(data)
        self.assertEqual(({'a': 'b'}, 1.5), (one.labels, one.at))
        self.assertTrue(math.isnan(one.value))

    def test_other_shapes(self):
        for data in (
            None,
            [],
            {},
            {'resultType': 'matrix', 'result': []},
            {'resultType': 'vector'},
            {'resultType': 'vector', 'result': None},
            {'resultType': 'vector', 'result': [7]},
            {'resultType': 'vector', 'result': [{'metric': {}}]},
            {'resultType': 'vector', 'result': [{'value': [1, '2']}]},
            {
                'resultType': 'vector',
                'result': [{'metric': [], 'value': [1, '2']}],
            },
            {
                'resultType': 'vector',
                'result': [{'metric': {}, 'value': [1, 'x']}],
            },
            {
                'resultType': 'vector',
                'result': [{'metric': {}, 'value': [1, '2', '3']}],
            },
            # A native histogram has no value.
            {
                'resultType': 'vector',
                'result': [{'metric': {}, 'histogram': [1, {}]}],
            },
        ):
            self.assertRaises(ValueError, sample.vector, data)
