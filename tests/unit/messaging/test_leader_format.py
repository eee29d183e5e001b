import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.exception import NoLeader, RequestRefused
from steal_scheduler.messaging import leader_format
from steal_scheduler.messaging.leader_format import decode, encode, refused

NONE = {'servers': []}
MANY = {'servers': [{'server_id': f'id-{n}'} for n in range(10_000)]}


class TestLeaderFormat(base.BaseTestCase):
    def test_what_is_written_is_read(self) -> None:
        for answer in ({}, NONE, MANY, {'name': 'größe \ud800'}):
            message = json.loads(json.dumps(encode(answer)))
            self.assertEqual(answer, decode(message))

    def test_a_large_one_is_packed(self) -> None:
        self.assertEqual({'version': 1, 'answer': NONE}, encode(NONE))
        small = json.dumps(encode(MANY))
        self.assertLess(len(small), len(json.dumps(MANY)) / 3)

    def test_what_no_client_could_read_is_not_sent(self) -> None:
        for answer in ({'steal': float('nan')}, {'until': float('inf')}):
            self.assertRaises(ValueError, encode, answer)

    def test_a_no(self) -> None:
        message = refused('conflict', 'it is\x1b[2J locked')
        error = self.assertRaises(RequestRefused, decode, message)
        self.assertEqual('conflict', error.reason)
        self.assertEqual('it is?[2J locked', str(error))

    def test_what_is_no_answer(self) -> None:
        for message in (
            None,
            [],
            'x',
            {},
            {'version': 2, 'answer': NONE},
            {'version': 1},
            {'version': 1, 'answer': []},
            {'version': 1, 'packed': 'no base64'},
            {'version': 1, 'packed': 'bm8gemxpYg=='},
            {'version': 1, 'refused': {}},
            {'version': 1, 'refused': None},
        ):
            error = self.assertRaises(NoLeader, decode, message)
            self.assertIn('same version', str(error))

    def test_what_would_fill_the_memory(self) -> None:
        message = encode(MANY)
        self.patch(leader_format, '_MOST', 1000)
        self.assertRaises(NoLeader, decode, message)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(('version', 'answer', 'packed', 'refused'))
                    | st.text(),
                    inner,
                )
            ),
        )
    )
    def test_nothing_else_is_raised(self, message: Any) -> None:
        for said in (message, {'version': 1, 'refused': message}):
            self.assertRaises((NoLeader, RequestRefused), self._read, said)

    @staticmethod
    def _read(message: Any) -> None:
        decode(message)
        # One that was an answer indeed.
        raise NoLeader('none')
