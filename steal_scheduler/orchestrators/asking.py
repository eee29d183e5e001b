"""A call of a plug-in: it has an end, and a mistake of its is an outage."""

import contextlib
from collections.abc import Iterator

from oslo_log import log

from steal_scheduler.edge import http
from steal_scheduler.exception import LockLost, OrchestratorError

LOG = log.getLogger(__name__)


@contextlib.contextmanager
def asking(name: str, seconds: float) -> Iterator[None]:
    """Turn an unexpected error of one into that it did not answer.

    :param seconds: after which its HTTP exchanges are cut off
    """
    try:
        with http.within(seconds):
            yield
    except (OrchestratorError, LockLost):
        raise
    except Exception as error:
        LOG.exception('Orchestrator %s raised an unexpected error.', name)
        raise OrchestratorError(f'{name}: {error!r}') from error
