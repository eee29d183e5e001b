"""A request of a person, which a thread of the message bus waits for."""

import threading
from collections.abc import Mapping
from typing import Any

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import RequestRefused
from steal_scheduler.model.asked import Wish

#: Characters of a name, of a reason and of any other text.
_NAME, _REASON, _TEXT = 64, 200, 255


class Request:
    """What is asked for, and the answer once there is one."""

    def __init__(
        self, method: str, args: Mapping[str, Any], who: Mapping[str, Any]
    ) -> None:
        """:raises RequestRefused: it makes no sense"""
        self.method = method
        self.args = args
        self.who = who
        name = who.get('user_name') or who.get('user_id') or 'somebody'
        #: For a person.
        self.by = one_line(name, _NAME)
        #: The only project that it may be about; None for all.
        self.project = _project(who.get('scope'))
        self._over = threading.Event()
        self._answer: dict[str, Any] = {}
        self._no: RequestRefused | None = None
        #: Nobody waits for it any more.
        self.given_up = False

    @property
    def wish(self) -> Wish:
        reason = one_line(self.args.get('reason') or '', _REASON)
        return Wish(self.by, reason)

    def text(self, name: str) -> str:
        """An argument that has to be there.

        :raises RequestRefused: it is not, or is no such text
        """
        value = self.args.get(name)
        if not isinstance(value, str) or not value or len(value) > _TEXT:
            raise RequestRefused(
                'invalid',
                f'{name} is {one_line(repr(value), 80)}: give a text of 1 to '
                f'{_TEXT} characters.',
            )
        return value

    def answer(self, answer: Mapping[str, Any]) -> None:
        self._answer = {**answer}
        self._over.set()

    def refuse(self, reason: str, text: str) -> None:
        if not self._over.is_set():
            self._no = RequestRefused(reason, text)
            self._over.set()

    def wait(self, seconds: float) -> dict[str, Any]:
        """The answer.

        :raises RequestRefused: what was asked for is not done, or not yet
        """
        if not self._over.wait(seconds):
            self.given_up = True
            raise RequestRefused(
                'busy',
                f'The migrator has not got to it in {seconds:g} s: see what '
                'became of it, and ask again.',
            )
        if self._no is not None:
            raise self._no
        return self._answer


def no_such_host(name: str) -> RequestRefused:
    """What is answered where Nova tells of none that is called like that."""
    return RequestRefused(
        'not_found',
        f'Nova knows no host {name}: see "openstack compute service list".',
    )


def _project(scope: Any) -> str | None:
    """The project that a request is bound to.

    :raises RequestRefused: it is bound to something, and nobody knows to what
    """
    if scope is None:
        return None
    project = scope.get('project_id') if isinstance(scope, dict) else None
    if not isinstance(project, str) or not project:
        raise RequestRefused('invalid', 'Its scope names no project.')
    return project
