"""A migrator that gives up after seconds where others wait for minutes.

Also a program: ``steal-migrator`` in haste.
"""

# Before anything of oslo.messaging, as in the program itself.
from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
import sys
from collections.abc import Container

from steal_scheduler.cmd import migrator
from steal_scheduler.decision import stalled
from steal_scheduler.moves import effects, state_machine
from steal_scheduler.orchestrators import backoff, listing

#: What failed is asked again after a moment: a storm has no time.
_HASTE = (
    (backoff, 'FIRST', 0.2),
    (listing, 'LIST_EVERY', 2.0),
    (state_machine, 'REQUEST_TIMEOUT', 10.0),
    (state_machine, 'QUEUE_TIMEOUT', 10.0),
    (effects, 'SETTLES', 2.0),
    (state_machine, 'VERIFY_TIMEOUT', 20.0),
    (stalled, 'BEGINS', 60.0),
    (stalled, 'ENDS', 10.0),
)


def hurry(patient: Container[str] = ()) -> None:
    """From now on in this process, and in those that it forks.

    :param patient: what keeps its seconds
    """
    for module, name, seconds in _HASTE:
        assert hasattr(module, name), name
        if name not in patient:
            setattr(module, name, seconds)


if __name__ == '__main__':
    hurry()
    # A whole control plane shares two cores with it.
    state_machine.QUEUE_TIMEOUT = 60.0
    sys.exit(migrator.main())
