"""Relief: what servers wait less because one of them has moved."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Load:
    """Of a host, at one time."""

    #: That it has, that its servers are expected to ask for, and that they
    #: wait for; all in cores.
    cores: float
    demand: float
    waited: float
    #: Share of the time its servers wanted to run that they had to wait.
    steal: float


@dataclasses.dataclass(frozen=True, slots=True)
class Relief:
    """Of a move, as far as it was followed."""

    #: When it was looked at last, seconds since the epoch.
    at: float
    #: Cores that wait less, times seconds; negative where more do.
    core_seconds: float = 0.0
    #: How long both hosts were measured.
    seconds: float = 0.0
    #: It is followed no longer.
    over: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Harm:
    """Steal shares of the target's servers, before the move and after it."""

    before: float
    after: float
    #: It was no contended host before, and is one now.
    hurt: bool

    def told(self, target: str | None) -> str:
        """For a person: 'Servers of host b wait 2% of their time now ...'."""
        hurt = 'Its target was hurt: servers' if self.hurt else 'Servers'
        return (
            f'{hurt} of host {target} wait {self.after:.0%} of their time '
            f'now, {self.before:.0%} before.'
        )
