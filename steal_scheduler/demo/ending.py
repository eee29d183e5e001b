"""Ending at a signal, and leaving nothing behind."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signalled(SystemExit):
    """A signal came; the code is the exit status that a shell shows for it."""

    code: int


def raise_at_signals() -> None:
    """From now on a signal raises Signalled in the main thread.

    A signal that is ignored already (``nohup``) stays so.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def wait_for_signal() -> NoReturn:
    """Wait until a signal comes; to be called by the main thread.

    :raises Signalled: it has come
    """
    # NOTE: it wakes now and then, for a signal that the kernel has given to
    # another thread does not wake it, and only the main thread raises.
    never = threading.Event()
    while True:
        never.wait(1.0)


def ignore_signals() -> None:
    """From now on nothing interrupts: we clean up.

    Otherwise a second Ctrl-C would leave files in shared memory.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def say_no_more() -> None:
    """From now on the standard error goes nowhere.

    Threads run until the end, and lose their files before it: what they say
    of that is no news.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def exit_now(status: int) -> NoReturn:
    """End the process, whatever its threads do."""
    os._exit(status)


def _raise(number: int, _frame: Any) -> None:
    raise Signalled(128 + number)
