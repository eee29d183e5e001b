"""What keeps errors out of Nova's scheduling.

Nova catches nothing that a filter or a weigher raises: one error of ours
would fail every boot and every migration of the cloud.
"""

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from steal_scheduler.edge.text import one_line

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
T = TypeVar('T')

#: What fails now, and the kind of error that was logged for it.
_failing: dict[str, str] = {}


def fail_open(
    what: str, neutral: Callable[..., T]
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate: answer ``neutral`` rather than raise.

    It stands around what Nova calls, and around what we call of Nova: its
    database, its message bus.

    :param what: for the log, for example 'StealFilter'
    :param neutral: takes the same arguments and leaves Nova's own choice as
        it is; it must not fail
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            # The one broad except of this package: whatever goes wrong, the
            # request must go on.
            try:
                answer = function(*args, **kwargs)
            except Exception as error:
                _complain(what, error)
                return neutral(*args, **kwargs)
            if _failing.pop(what, None):
                LOG.info('%s works again.', what)
            return answer

        return wrapper

    return decorate


def _complain(what: str, error: Exception) -> None:
    """Log it with its traceback, once until it works again."""
    kind = type(error).__name__
    if _failing.get(what) == kind:
        LOG.debug('%s failed again: %s', what, one_line(error))
        return
    _failing[what] = kind
    LOG.error(
        '%s failed: %s. Scheduling goes on without it; this is logged once '
        'until it works again.',
        what,
        # It may repeat what a tenant wrote.
        one_line(error),
        exc_info=error,
    )
