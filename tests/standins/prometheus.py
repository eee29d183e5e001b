"""A stand-in for Prometheus: answers that the test sets.

It is written by hand, and says nothing about what a real Prometheus answers:
no test of ours is worth anything without the real one's PromQL, and that is
what the tests in ``tests/integration`` are for.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tests.standins.app import Answer, Request, StandIn


def vector(*series: tuple[dict[str, str], Any, float]) -> dict[str, Any]:
    """An answer's body, from (labels, value, time)."""
    return {
        'status': 'success',
        'data': {
            'resultType': 'vector',
            'result': [
                {'metric': labels, 'value': [at, str(value)]}
                for labels, value, at in series
            ],
        },
    }


class Prometheus(StandIn):
    """Answers an instant query below any prefix."""

    def __init__(self) -> None:
        super().__init__()
        #: By PromQL: the body (bytes are sent as they are, others as JSON),
        #: or a status and a body.
        self.answers: Mapping[str, Any] = {}
        #: Tells by the headers whether to answer; 401 if not.
        self.guard: Callable[[dict[str, str]], bool] = lambda headers: True

    def answer(self, request: Request) -> Answer:
        if not self.guard(request.headers):
            return 401, b'Unauthorized'
        body = self.answers[request.query['query']]
        return body if isinstance(body, tuple) else (200, body)
