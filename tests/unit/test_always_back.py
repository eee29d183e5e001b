"""Whatever happens, every server ends up reattached, and untagged."""

import logging

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st

from steal_scheduler.exception import SignalError, StealError
from steal_scheduler.model.move import Stage
from tests.unit import (
    fakes,
    strategies,  # noqa: F401 (hypothesis' settings)
)
from tests.unit.rig import Rig

SERVERS = st.sampled_from('xyz')
#: Statuses of any migration on its way, and those in which it ends.
STATUSES = ('queued', 'preparing', 'running', 'running', 'post-migrating')
ENDS = ('completed', 'completed', 'error', 'failed', 'cancelled')


class AnySequence(stateful.RuleBasedStateMachine):
    """Anything goes wrong, at any time; then everything answers again."""

    def __init__(self) -> None:
        super().__init__()
        logging.disable()
        self.rig = Rig()
        self.rig.overload()
        self.nova, self.orchestrator = self.rig.nova, self.rig.orchestrator
        self.deleted: set[str] = set()

    @stateful.initialize(steps=st.integers(0, 7), waits=st.booleans())
    def begin(self, steps: int, waits: bool) -> None:
        """It begins at any stage of a first move."""
        for _ in range(steps):
            self.all_goes_well()
        self.orchestrator.says = ['waiting'] * 3 * waits

    # -- time passes -------------------------------------------------------

    @stateful.rule()
    def all_goes_well(self) -> None:
        self.tick(30)
        for status in ('completed', 'running'):
            self.nova.record()
            for found in list(self.nova.records.values()):
                if (found.status == 'running') is (status == 'completed'):
                    self.nova.proceed(status, found.server_id)

    def tick(self, seconds: float) -> None:
        self.rig.now += seconds
        self.nova.now = self.rig.now
        try:
            self.rig.migrator.tick(self.rig.now)
        except fakes.Crash:
            self.rig.restart()
        except StealError:
            # What else it raises is a bug.
            pass

    @stateful.rule(seconds=st.sampled_from((1, 3, 30, 65)))
    def time_passes(self, seconds: int) -> None:
        self.tick(seconds)

    @stateful.rule(seconds=st.sampled_from((200, 700, 2000)))
    def much_time_passes(self, seconds: int) -> None:
        self.tick(seconds)

    @stateful.rule()
    def restart(self) -> None:
        self.rig.restart()

    # -- what others answer ------------------------------------------------

    @stateful.rule(
        words=st.lists(
            st.sampled_from('ok ok refused lost unheard dies died'.split()),
            min_size=1,
            max_size=4,
        )
    )
    def nova_answers(self, words: list[str]) -> None:
        self.nova.trouble = words

    @stateful.rule(
        words=st.lists(
            st.sampled_from('done waiting refused silent dies died'.split()),
            min_size=1,
            max_size=4,
        )
    )
    def orchestrator_answers(self, words: list[str]) -> None:
        self.orchestrator.says = words

    @stateful.rule(down=st.booleans())
    def nova_goes(self, down: bool) -> None:
        self.nova.down = down

    @stateful.rule(slow=st.booleans(), aborts=st.booleans())
    def nova_changes(self, slow: bool, aborts: bool) -> None:
        self.nova.slow, self.nova.aborts = slow, aborts

    @stateful.rule()
    def records_appear(self) -> None:
        self.nova.record()

    @stateful.rule(status=st.sampled_from(STATUSES + ENDS))
    def migrations_proceed(self, status: str) -> None:
        for server_id in 'xyz':
            self.nova.proceed(status, server_id)

    @stateful.rule(lost=st.booleans())
    def signals_are_lost(self, lost: bool) -> None:
        self.rig.source.trouble = SignalError('no answer') if lost else None

    @stateful.rule(reaches=st.booleans())
    def the_bus_goes(self, reaches: bool) -> None:
        self.rig.sender.reaches = reaches

    @stateful.rule(after=st.integers(0, 3))
    def the_lock_is_lost(self, after: int) -> None:
        self.rig.leader.lost_after = after

    @stateful.rule()
    def the_lock_is_back(self) -> None:
        self.rig.leader.lost_after, self.rig.leader.held = None, True

    # -- what tenants and operators do -------------------------------------

    @stateful.rule(server=SERVERS)
    def tenant_removes_tags(self, server: str) -> None:
        self.nova.change(server, tags=())

    @stateful.rule(server=SERVERS, locked=st.booleans())
    def somebody_locks(self, server: str, locked: bool) -> None:
        self.nova.change(server, locked=locked)

    @stateful.rule(server=SERVERS)
    def tenant_opts_out(self, server: str) -> None:
        self.nova.change(server, opted_out='metadata')

    @stateful.rule(
        server=SERVERS,
        status=st.sampled_from('ACTIVE ERROR SHUTOFF SHELVED'.split()),
    )
    def status_changes(self, server: str, status: str) -> None:
        self.nova.change(server, status=status)

    @stateful.rule(
        server=SERVERS, state=st.sampled_from((None, 'image_snapshot'))
    )
    def nova_is_busy_with_it(self, server: str, state: str | None) -> None:
        self.nova.change(server, task_state=state)

    @stateful.rule(
        server=SERVERS,
        stage=st.sampled_from(Stage),
        since=st.sampled_from((0, 1_000_000, 9_999_999_999)),
    )
    def tenant_forges_a_tag(
        self, server: str, stage: Stage, since: int
    ) -> None:
        if server in self.nova.servers:
            before = self.nova.servers[server].tags
            if before:
                tags = (*before, f'steal:{stage}:{since}')
                self.nova.change(server, tags=tuple(sorted({*tags})))

    @stateful.rule(server=SERVERS, host=st.sampled_from('abc'))
    def somebody_moves_it(self, server: str, host: str) -> None:
        if self.nova.going_on(server) is None:
            self.nova.change(server, host=host)

    @stateful.rule(server=SERVERS)
    def somebody_deletes_it(self, server: str) -> None:
        self.nova.servers.pop(server, None)
        self.nova.accepted = [s for s in self.nova.accepted if s != server]
        self.deleted.add(server)

    # -- what must hold ----------------------------------------------------

    @stateful.invariant()
    def nova_was_asked_once_for_each_move(self) -> None:
        asked = self.nova.asked
        assert not asked or max(asked.values()) <= 1, asked

    @stateful.invariant()
    def only_tagged_servers_are_out(self) -> None:
        """Or a crash now would leave them there for ever."""
        if self.orchestrator.marks:
            return
        for server_id in self.orchestrator.out - self.deleted:
            assert self.nova.servers[server_id].tags, server_id

    def teardown(self) -> None:
        """Everything answers again; a migration that hangs goes on hanging."""
        logging.disable(logging.NOTSET)
        self.nova.trouble, self.orchestrator.says = [], []
        self.nova.down = self.nova.slow = False
        self.nova.record()
        self.rig.source.trouble, self.rig.source.demand = None, {}
        self.rig.sender.reaches = True
        self.the_lock_is_back()
        for server_id in self.nova.servers:
            self.nova.change(server_id, status='ACTIVE', task_state=None)
        for _ in range(30):
            self.rig.now += 90
            self.nova.now = self.rig.now
            self.rig.migrator.tick(self.rig.now)
            self.nova_was_asked_once_for_each_move()
            if not self.rig.migrator.moves:
                break
        assert self.orchestrator.out == set(), self.orchestrator.out
        assert self.rig.tags() == [], self.rig.tags()
        assert self.rig.migrator.moves == {}, self.rig.migrator.moves


class OnlyTheTagKnows(AnySequence):
    """With an orchestrator that keeps no mark of its own.

    Then a tenant who removes the tag right before a crash hides the server,
    as the contract of orchestrators says, so nobody does that here. And who
    is deleted right before a crash is forgotten.
    """

    def __init__(self) -> None:
        super().__init__()
        self.orchestrator.marks = False

    @stateful.rule()
    def tenant_removes_tags(self) -> None:
        """Not here."""

    @stateful.rule()
    def somebody_deletes_it(self) -> None:
        """Nor here."""


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = hypothesis.settings(
    max_examples=60, stateful_step_count=30
)
TestOnlyTheTagKnows = OnlyTheTagKnows.TestCase
TestOnlyTheTagKnows.settings = TestAnySequence.settings
