"""A call of a plug-in: it has an end, and a mistake of its is an outage."""

import contextlib
from collections.abc import Iterator

from oslo_log import log

from steal_scheduler.edge import http
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import LockLost, OrchestratorError
from steal_scheduler.orchestrators.base import Answer, State

LOG = log.getLogger(__name__)

#: Characters of what one says. It may be a tenant's word: a node's, a pod's.
MOST = 500


def plain(answer: Answer) -> Answer:
    """The same, fit for a log line and a terminal."""
    return Answer(State(answer.state), one_line(answer.detail, MOST))


@contextlib.contextmanager
def asking(name: str, seconds: float) -> Iterator[None]:
    """Turn an unexpected error of one into that it did not answer.

    :param seconds: after which its HTTP exchanges are cut off
    """
    try:
        with http.within(seconds):
            yield
    except LockLost:
        raise
    except OrchestratorError as error:
        raise OrchestratorError(one_line(error, MOST)) from error
    except Exception as error:
        LOG.exception('Orchestrator %s raised an unexpected error.', name)
        said = one_line(repr(error), MOST)
        raise OrchestratorError(f'{name}: {said}') from error
