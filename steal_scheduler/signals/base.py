"""The whole contract of a signal source.

A source is named by ``[signals] source``, found through the entry-point
group ``steal_scheduler.signals`` and built once per process with the
configuration. ``static.py`` is the commented example.
"""

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

from steal_scheduler.exception import SignalError
from steal_scheduler.model.cloud import Signals


class SignalSource(abc.ABC):
    """Tells what servers and hosts did in the last moments."""

    #: oslo.config options, registered in the group of the source's name
    #: before it is built, and listed by the sample generator.
    OPTS: ClassVar[Sequence[Any]] = ()

    def __init__(self, conf: Any) -> None:
        """Take the configuration; ask nobody yet.

        :param conf: the oslo.config object, with OPTS registered in it
        :raises ConfigError: an option is wrong
        """
        self.conf = conf

    def silent(self) -> Sequence[str]:
        """What the last reading asked for and got no usable sample of.

        By name, for ``steal-status``; a source that asks for nothing by name
        has nothing to say.
        """
        return ()

    def advice(self) -> Sequence[str]:
        """What a person should change, as the last reading showed.

        Sentences without a full stop, for ``steal-status`` and the plan.
        """
        return ()

    @abc.abstractmethod
    def read(self, now: float) -> Signals:
        """Read every server and host once.

        :param now: epoch seconds; what is older than a source's own limit
            is left out, never returned as if it were new
        :returns: what was measured. A server or host without a usable
            sample is *absent*: absent means unknown, never idle. A server
            that two hosts claim is absent as well.
        :raises SignalError: nothing can be told now; no move will start
        """

    def read_past(self, at: float, seconds: float) -> Signals:
        """Tell what ``read`` would have told then; for replays.

        :param at: epoch seconds
        :param seconds: up to ``at``, of which each value is a mean
        :raises SignalError: that cannot be told
        """
        raise SignalError(
            f'[signals] source = {self.conf.signals.source} keeps nothing of '
            'the past. Use prometheus, or replay a folder.'
        )
