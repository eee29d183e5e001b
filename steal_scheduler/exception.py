"""One base exception; callers catch it at the edges and nowhere else."""

import contextlib
from collections.abc import Iterator

#: Characters of a message: it is a line of a log.
_MOST = 2000


class StealError(Exception):
    """Something an operator can correct; the message says how.

    It is one printable line, whatever it repeats of a file or of an answer.
    """

    def __str__(self) -> str:
        said = super().__str__()
        if not said.isprintable():
            # As ``edge.text.one_line`` does it: a new line is a space.
            said = ' '.join(said.split())
            said = ''.join(c if c.isprintable() else '?' for c in said)
        if len(said) > _MOST:
            # The cure stands at the end.
            said = f'{said[: _MOST // 2]} ... {said[-_MOST // 4 :]}'
        return said


class ConfigError(StealError):
    """An option is wrong: the message names it, its value and the cure."""


class SignalError(StealError):
    """The signal source did not answer, or answered nonsense."""


class NovaFault(StealError):
    """What a call of Nova can end in; each is one of these."""


class NovaError(NovaFault):
    """Nova did not answer or failed: what was asked may have happened."""


class NovaSilent(NovaError):
    """Nova did not answer at all, or not in time."""


class LoginRefused(NovaError):
    """Keystone does not let the user of ``[nova]`` in."""


class NovaRefused(NovaFault):
    """Nova understood and said no: what was asked did not happen."""


class NovaForbids(NovaRefused):
    """The user of ``[nova]`` has not the right to ask for it."""


class ServerGone(NovaFault):
    """Nova does not know the server any more."""


class OrchestratorError(StealError):
    """An orchestrator did not answer, or answered nonsense: ask again."""


@contextlib.contextmanager
def told_as(
    where: str, kind: type[StealError] = OrchestratorError, cure: str = ''
) -> Iterator[None]:
    """What fails in here is told with the option that it is about.

    Of ``told_as('[lb] key_file = ', ConfigError, '. Write one.')`` and an
    empty file is made "[lb] key_file = '/k': the file is empty. Write one.".
    """
    try:
        yield
    except (StealError, OSError, ValueError) as error:
        raise kind(f'{where}{error}{cure}') from error


class LockLost(StealError):
    """Another migrator may lead: do nothing."""


class NoLeader(StealError):
    """No migrator leads, or the one that does gave no answer."""


class RequestRefused(StealError):
    """The migrator that leads says no to what it was asked."""

    def __init__(self, reason: str, text: str) -> None:
        """Say no.

        :param reason: for a program: not_found, conflict, invalid,
            not_leader, busy, or failed
        :param text: for a person: why, and what to do
        """
        super().__init__(text)
        self.reason = reason
