"""A move, its stages and its outcome, as values.

``moves/state_machine.py`` takes a move from stage to stage.
"""

import dataclasses
import enum
from collections.abc import Mapping, Set

from steal_scheduler.model.cloud import Fleet, Migration, Server
from steal_scheduler.model.demand import NO_DEMAND, Demand
from steal_scheduler.model.progress import Progress
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.model.relief import Harm, Load, Relief

#: Nova's clock and ours may differ by this many seconds.
CLOCK_SKEW = 5.0


class Cause(enum.Enum):
    """Why a move did not begin: how long it is left alone hangs on it."""

    #: Of that moment: a window, the breaker, another move, its owner.
    MOMENT = enum.auto()
    #: An orchestrator refuses the drain, or never finishes it.
    DRAIN = enum.auto()
    #: Nova refuses the tag or the migration, or forgets the request.
    NOVA = enum.auto()


class Stage(enum.StrEnum):
    """How far a move is. The value is what the server's tag says."""

    #: Being taken out of its orchestrator.
    DRAIN = 'drain'
    #: Nova was asked; no memory is being copied yet.
    REQUEST = 'request'
    #: Nova copies memory.
    MIGRATE = 'migrate'
    #: Arrived; being reattached to its orchestrator.
    REATTACH = 'reattach'
    #: Did not arrive; being reattached to its orchestrator.
    UNDO = 'undo'
    #: In service on its new host; its steal is about to be measured.
    VERIFY = 'verify'


@dataclasses.dataclass(frozen=True, slots=True)
class Move:
    """One server on its way; rebuilt from its tag at every tick."""

    #: As Nova tells it now; as it was last known where Nova does not know it
    #: any more, but on no host and DELETED.
    server: Server
    source: str
    stage: Stage
    #: When the stage began.
    since: float
    #: Steal share when it was decided; None if the tag does not tell.
    steal_before: float | None = None
    #: Cores that travel with it, and MiB that must be copied.
    demand: Demand = NO_DEMAND
    copy_mb: int = 0
    #: None until Nova's scheduler has chosen.
    target: str | None = None
    #: Its source before the drain, and its target when that was chosen; None
    #: where they were not measured.
    source_load: Load | None = None
    target_load: Load | None = None
    #: How its copy gets on; None where Nova did not tell.
    progress: Progress | None = None
    #: When its drain began; None where another process began it.
    drained_at: float | None = None
    #: Why it moves; and, once it has failed, why.
    reason: str = ''
    failure: str = ''
    #: What its owner may read of the reason: its own wait, and nobody's name.
    own_reason: str = ''
    #: Why it did not begin; None where only its migrator ended.
    cause: Cause | None = None
    #: Who asked for it, and why it is to end before its time; else ''.
    asked_by: str = ''
    cancelled: str = ''
    #: Why Nova is not asked to migrate it now; None where it may be.
    waits: Refusal | None = None
    #: Why it cannot be reattached; asked for ever.
    trouble: str = ''
    #: In service again; only its tag is left, which Nova does not remove
    #: now.
    back: bool = False
    #: Its migration failed, and its guest does not run where Nova says it is.
    missing: bool = False
    #: It came back while a drain of the leader before might still come: it is
    #: asked for once more when that is over.
    early: bool = False
    #: Only an orchestrator says that we have drained it, and no tag; nor does
    #: Nova tell of a migration of ours.
    orphan: bool = False
    #: Its source is emptied: that it leaves is what an operator asked for.
    emptied: bool = False
    #: It did not wait, and somebody asked for its move: nobody is relieved.
    calm: bool = False
    #: Who is to have its room, where it leaves for somebody else; and the only
    #: host that it may go to, if there is but one.
    makes_room_for: 'Move | None' = None
    only_to: str | None = None

    @property
    def server_id(self) -> str:
        return self.server.server_id

    @property
    def arriving(self) -> bool:
        """The target's signals do not show this server yet."""
        return self.stage not in (Stage.DRAIN, Stage.UNDO)

    def reattach_blocked(self, now: float, alarm: float) -> bool:
        """It should be back in its orchestrator, and is not.

        :param alarm: seconds after which it should, whatever is said
        """
        return (
            self.stage in (Stage.REATTACH, Stage.UNDO)
            and not self.back
            and (bool(self.trouble) or now - self.since > alarm)
        )

    def migration(self, fleet: Fleet) -> Migration | None:
        """The live migration that belongs to it; None where none does.

        For example at REQUEST since 960, one that Nova recorded at 958 (its
        clock may be a little behind), but none of before 955. At UNDO, one
        that failed since the drain began, however late that was seen.
        """
        newest = next(iter(fleet.migrations.get(self.server_id, ())), None)
        if newest is None or self.stage is Stage.MIGRATE:
            return newest
        requested = self.stage is Stage.REQUEST
        at = newest.created_at if requested else newest.updated_at
        since = self.since
        if self.stage is Stage.UNDO and self.drained_at is not None:
            since = self.drained_at
        return newest if at >= since - CLOCK_SKEW else None

    @property
    def unavailable(self) -> bool:
        """Its server is out of service, or about to be: drained or copied."""
        return self.stage is not Stage.VERIFY and not self.back

    def occupies(self, now: float, alarm: float) -> bool:
        """It counts against the slots, and its bytes as about to be copied.

        Not who is only led back on the word of an orchestrator, nor who is
        not taken back for so long that a person was called: a tenant can
        bring about both, and two of them would stop the moves of all others.
        But Nova's word counts always.

        :param alarm: seconds after which it should be back
        """
        if self.server.migrating:
            return self.unavailable
        overdue = (
            self.stage in (Stage.REATTACH, Stage.UNDO)
            and now - self.since > alarm
        )
        return self.unavailable and not self.orphan and not overdue


class Outcome(enum.StrEnum):
    """How a move ended. Each is a label of a metric."""

    HELPED = 'helped'
    NOT_HELPED = 'not_helped'
    UNMEASURED = 'unmeasured'
    #: It left a host that is emptied, or somebody asked for its move though it
    #: did not wait: nothing else was asked of it.
    ARRIVED = 'arrived'
    NOT_STARTED = 'not_started'
    FAILED = 'failed'
    GONE = 'gone'


#: What may follow each stage, or end a move in it: the whole state machine.
#: A server that is deleted ends as GONE from wherever it is reattached.
FOLLOWS: Mapping[Stage, Set[Stage | Outcome]] = {
    Stage.DRAIN: {Stage.REQUEST, Stage.UNDO},
    # Straight to REATTACH where the copy ends between two ticks.
    Stage.REQUEST: {Stage.MIGRATE, Stage.REATTACH, Stage.UNDO},
    Stage.MIGRATE: {Stage.REATTACH, Stage.UNDO},
    Stage.REATTACH: {Stage.VERIFY},
    Stage.UNDO: {Outcome.NOT_STARTED, Outcome.FAILED, Outcome.GONE},
    # Found drained again, though its tag says that it is not.
    Stage.VERIFY: {
        Stage.REATTACH,
        Outcome.HELPED,
        Outcome.NOT_HELPED,
        Outcome.UNMEASURED,
        Outcome.ARRIVED,
        Outcome.GONE,
    },
}


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """A move that is over."""

    move: Move
    outcome: Outcome
    at: float
    detail: str
    steal_after: float | None = None
    #: How many moves of the server in a row did not begin for a cause that
    #: lasts, and that cause.
    not_started: int = 0
    cause: Cause | None = None
    #: Hosts that could have taken it, where Nova found none.
    offered: frozenset[str] = frozenset()
    #: None where it did not arrive, or the target was not measured.
    harm: Harm | None = None
    #: What is waited less since; None where it did not arrive.
    relief: Relief | None = None

    @property
    def core_seconds(self) -> float:
        """What servers have waited less for it, as far as is known."""
        return self.relief.core_seconds if self.relief else 0.0

    @property
    def followed(self) -> bool:
        """What it has brought is known, as well as it ever will be."""
        return self.relief is not None and self.relief.over

    @property
    def seconds_out(self) -> float | None:
        """How long it was out of service, the measurement not counted."""
        move = self.move
        if move.drained_at is None:
            return None
        back = move.since if move.stage is Stage.VERIFY else self.at
        return back - move.drained_at

    @property
    def copied_mb(self) -> float | None:
        """MiB that were copied, as Nova told last; the last are missing."""
        progress = self.move.progress
        return progress.processed_mb if progress else None

    @property
    def told(self) -> str:
        """For a person: how it ended, and what it has cost, if known.

        For example 'helped: it waits 1% of its time now. It was out of
        service for 93 s. 4205 MiB were copied of 4096.'
        """
        text = f'{self.outcome}: {self.detail}.'
        if self.harm is not None:
            text += f' {self.harm.told(self.move.target)}'
        if self.seconds_out is not None:
            text += f' It was out of service for {self.seconds_out:.0f} s.'
        if self.copied_mb is not None:
            all_mb = self.move.copy_mb
            text += f' {self.copied_mb:.0f} MiB were copied of {all_mb}.'
        return text

    @property
    def _says_nothing(self) -> bool:
        """Nothing of it was tried: it says nothing of the server's next."""
        led_back = (
            self.outcome is Outcome.NOT_STARTED and self.move.cause is None
        )
        return self.outcome is not Outcome.GONE and (
            self.move.orphan or led_back
        )

    def following(self, before: 'Ended | None') -> 'Ended':
        """The same, with what it adds to the one before it.

        For example the third drain in a row that was refused has 3. A dry run
        that ends the fourth one adds nothing, so the fifth one has 4. If Nova
        refuses the sixth one, that has 1. A server that was only led back, for
        nobody knew of its move, or another process had begun it, stays as
        before.
        """
        if before is not None and self._says_nothing:
            return before
        if self.outcome is not Outcome.NOT_STARTED:
            return self
        cause, times = None, 0
        if before is not None:
            cause, times = before.cause, before.not_started
        mine = self.move.cause
        if mine in (Cause.DRAIN, Cause.NOVA):
            times = times + 1 if mine is cause else 1
            cause = mine
        return dataclasses.replace(self, not_started=times, cause=cause)
