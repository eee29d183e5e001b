"""What must never be, as the stand-ins tell it.

``Watch`` is asked after every effect and whenever time has passed, and
``at_rest`` when everything has answered again for a while. Nothing that a
migrator remembers is asked. To add an invariant, write a generator that
yields a sentence for each thing that is wrong, and call it in one of them.
"""

from collections.abc import Iterable, Iterator, Set

from tests.simulation.nova import ASKED, BEGUN, RESUMED
from tests.simulation.places import Place
from tests.simulation.world import World

#: Seconds of the defaults of ``max_age`` and ``cooldown``.
MAX_AGE = 120
COOLDOWN = 3600
#: And that of ``reattach_alarm``.
REATTACH_ALARM = 300
#: Effects right before which the lease is looked at, each by itself; a drain
#: has several, and only has to begin in time.
LEASED = ('add tag', 'live-migrate', 'abort')
#: Seconds of ``copy_rate`` that may be copied at once.
BURST = 1800


class Watch:
    """Remembers what was seen, of one run."""

    def __init__(self) -> None:
        self._seen = 0
        #: Where a server has to be out until its migration has ended.
        self._out: dict[str, list[Place]] = {}
        #: Migrations that Nova has accepted since its move began.
        self._asked: dict[str, int] = {}
        #: What was asked for by who had lost the lock and did not know.
        self._stale: set[tuple[str, str, float]] = set()
        #: Servers whose cell was down at some time.
        self._hidden: set[str] = set()
        #: What was held when last looked, as server and orchestrator.
        self._held: set[tuple[str, str]] = set()

    def __call__(self, world: World, what: str) -> Iterator[str]:
        if world.setting.apart:
            # Each believes that it leads, so neither can know what the other
            # does; but Nova's records tell both the same.
            log = world.nova.log
            new, self._seen = log[self._seen :], len(log)
            for kind, server_id, at in new:
                if kind == ASKED:
                    yield from cooled_down(world, server_id, at)
            yield from others_are_kept(world)
        else:
            yield from self._all(world, what)
        for place in world.places.values():
            yield from place.wrongs()

    def _all(self, world: World, what: str) -> Iterator[str]:
        self._hidden |= world.nova.cell_down
        log = world.nova.log
        new, self._seen = log[self._seen :], len(log)
        for kind, server_id, at in new:
            world.counts[kind] += 1
            if kind != ASKED:
                self._asked[server_id] = 0
            if kind == RESUMED or (kind == BEGUN and world.stale):
                continue
            yield from wanted_away(world, server_id)
            if kind == BEGUN:
                yield from within_budgets(
                    world, server_id, self._unknown(world)
                )
                yield from knowingly(world, server_id)
                # Only of one in flight each tick has to know.
                yield from read(world, server_id, but={'server'})
                continue
            self._asked[server_id] = self._asked.get(server_id, 0) + 1
            if world.stale:
                self._out.pop(server_id, None)
                self._stale.add((kind, server_id, at))
                continue
            self._out[server_id] = world.belongs(server_id)
            yield from self._asked_once(server_id)
            yield from drained_first(world, server_id)
            yield from cooled_down(world, server_id, at)
            yield from self._bandwidth(world, server_id)
            yield from told(world, server_id)
            yield from read(world, server_id)
            yield from tagged(world, server_id, 'request')
        yield from self._tagged_first(world)
        yield from alone(world, what)
        yield from given_time(world, what)
        yield from self._never_in_service(world)
        yield from others_are_kept(world)
        if world.setting.dry_run:
            yield from nothing_done(world)

    def _unknown(self, world: World) -> set[str]:
        """Servers that move, of which whoever leads now cannot know.

        Of some only one who had lost the lock asked Nova. It stood still right
        before it asked; Nova has no record yet and no tag is left.

        Of others Nova has not told whoever leads now: their cell was down when
        that began, and is, or came back since Nova was last asked. Neither
        they nor their records are listed then, and to hold all other cells up
        for them would let one that is down for days end every cure.
        """
        stale = {
            server_id
            for server_id, (at, _) in world.nova.waiting.items()
            if (ASKED, server_id, at) in self._stale
            and not _ours(world, server_id)
        }
        return stale | (self._hidden - world.nova.told)

    def _asked_once(self, server_id: str) -> Iterator[str]:
        if self._asked[server_id] > 1:
            yield f'{server_id} is migrated twice for one finding'

    def _bandwidth(self, world: World, server_id: str) -> Iterator[str]:
        """The bucket of what may be copied, filled and drained by us alone.

        NOTE: of a server that was deleted Nova does not tell the size, and of
        one whose cell is down it tells a new process nothing: what is begun
        then is asked for when the cell may be back.
        """
        rate = float(world.option('limits.copy_rate'))
        full = level = rate * BURST
        last, size = 0.0, world.sizes[server_id]
        asked = [e for e in world.nova.log if e[0] == ASKED]
        for _, other, at in asked[:-1]:
            there = world.nova.servers.keys() - self._hidden
            if other in there and (ASKED, other, at) not in self._stale:
                level = min(full, level + (at - last) * rate)
                level -= world.sizes[other]
                last = at
        now = world.clock.now + abs(world.setting.skew)
        level = min(full, level + (now - last) * rate)
        if level < min(size, full) - 1:
            yield (
                f'{server_id} has {size} MiB, and the bucket {level:.0f} of '
                f'{full:.0f}'
            )

    def _tagged_first(self, world: World) -> Iterator[str]:
        """Or a crash now would leave it out, and nobody would know."""
        held = {
            (server_id, place.name)
            for place in world.places.values()
            for server_id in place.servers
            if server_id in world.nova.servers and place.holds(server_id)
        }
        new, self._held = held - self._held, held
        if new and not world.stale:
            for server_id, _ in new:
                yield from tagged(world, server_id, '')

    def _never_in_service(self, world: World) -> Iterator[str]:
        for server_id, places in list(self._out.items()):
            if not world.nova.may_migrate(server_id):
                del self._out[server_id]
                continue
            for place in places:
                if place.serves(server_id) and (
                    server_id not in place.returned
                ):
                    yield (
                        f'{server_id} is in service in {place.name} while '
                        'Nova may migrate it'
                    )


def tagged(world: World, server_id: str, stage: str) -> Iterator[str]:
    """What is done now, the tag of the server has told before."""
    if server_id in world.nova.untagged:
        return
    found = world.nova.servers[server_id].tags
    if not any(tag.startswith(f'steal:{stage}') for tag in found):
        yield f'no tag of {server_id} tells of it: {", ".join(found)}'


def alone(world: World, what: str) -> Iterator[str]:
    """Two never lead, and who stood still too long does nothing more.

    But for the one effect right before which it stood. A tag that confesses
    a late call needs no lease.
    """
    if len([process for process in world.processes if process.leads]) > 1:
        yield 'two lead'
    who = world.running
    late = who and who.stood_still and not who.leads and not who.excused
    confesses = what.startswith('add tag steal:undo')
    if late and what.startswith(LEASED) and not confesses:
        yield 'it was done without a lease'


def given_time(world: World, what: str) -> Iterator[str]:
    """A copy that gets on is aborted only where it takes twice its time."""
    if not what.startswith('abort'):
        return
    server_id, seconds = world.nova.aborted[-1]
    rate = float(world.option('limits.copy_rate'))
    least = float(world.option('stages.migration_timeout'))
    allowed = max(least, 2 * world.sizes[server_id] / rate)
    if seconds < allowed - abs(world.setting.skew):
        yield (
            f'the copy of {server_id} is aborted after {seconds:.0f} s of '
            f'{allowed:.0f}'
        )


def drained_first(world: World, server_id: str) -> Iterator[str]:
    for place in world.belongs(server_id):
        if place.serves(server_id):
            yield f'{server_id} is migrated, and in service in {place.name}'


def cooled_down(world: World, server_id: str, at: float) -> Iterator[str]:
    for record in world.nova.records.values():
        if record.server_id != server_id or not record.ended:
            continue
        server = world.nova.servers.get(server_id)
        emptied = server is not None and server.host in world.ever_emptied
        if record.completed and emptied:
            # It has to leave, however lately it came.
            continue
        since = at - record.updated_at
        if since < COOLDOWN - abs(world.setting.skew):
            yield (
                f'{server_id} is migrated {since:.0f} s after its last '
                'migration'
            )


def wanted_away(world: World, server_id: str) -> Iterator[str]:
    """Where nobody waits: its host is emptied, and that was not stopped."""
    host = world.nova.servers[server_id].host
    if world.setting.idle and host not in world.emptied:
        yield f'{server_id} leaves host {host}, which nobody empties'


def within_budgets(
    world: World, server_id: str, unknown: set[str]
) -> Iterator[str]:
    """Of a server whose move has just begun: it counts itself.

    :param unknown: servers of which whoever leads cannot know that they move
    """
    nova = world.nova
    out = {s for s in nova.servers.keys() - unknown if _is_out(world, s)}
    busy = {s for s in out if _holds_a_slot(world, s)}
    new = nova.servers[server_id]
    # Who is out without a tag, because a tenant removed it, is not known to a
    # new process before its orchestrator has listed it.
    unavailable = {
        s
        for s, server in nova.servers.items()
        if server.role == new.role
        if s in out or server.status not in ('ACTIVE', 'MIGRATING')
    }
    # One that has arrived is in nobody's way there.
    leaving = {
        s
        for s in busy
        if nova.servers[s].host == new.host
        and _newest(_ours(world, s))[0] != 'reattach'
    }
    if len(leaving) > 1:
        yield f'one at a time, and {len(leaving)} leave: {server_id}'
    for found, option in (
        (busy, 'slots'),
        (unavailable, 'max_unavailable'),
    ):
        limit = int(world.option(f'limits.{option}'))
        if len(found) > limit:
            yield f'{option} = {limit}, and it is {len(found)}: {server_id}'


def _is_out(world: World, server_id: str) -> bool:
    """It is out of service because of us, or about to be.

    NOTE: a tag may stay when its server is back: Nova's answer to its removal
    is lost, it tells nothing of the server now, or it takes no tags of it. And
    who takes a move over to lead it back writes no tag before that is done. So
    of these the orchestrators are asked, and not the tag.
    """
    nova, server = world.nova, world.nova.servers[server_id]
    if nova.may_migrate(server_id):
        return True
    ours = _ours(world, server_id)
    stage, _ = _newest(ours)
    number = str(world.store.number)
    of_before = all(tag.split(':')[4] != number for tag in ours)
    if stage in ('undo', 'reattach') or (
        stage in ('drain', 'request', 'migrate') and of_before
    ):
        return any(
            server_id in place.servers and place.holds(server_id)
            for place in world.places.values()
        )
    return (
        stage not in ('', 'verify')
        # Of others the tags stay, also when they are back.
        and server.status in nova.TAGGABLE
        and server_id not in nova.cell_down
        and 'server' not in nova.fails
    )


def _holds_a_slot(world: World, server_id: str) -> bool:
    """Of a server that is out, or that Nova may migrate.

    Not one that was only found drained, nor one that should have been back
    for so long that a person was called.
    """
    nova, server = world.nova, world.nova.servers[server_id]
    if server.migrating:
        return True
    if server_id in nova.orphans:
        return False
    stage, since = _newest(_ours(world, server_id))
    late = world.clock.now - since > REATTACH_ALARM - abs(world.setting.skew)
    return not (late and stage in ('undo', 'reattach'))


def _ours(world: World, server_id: str) -> list[str]:
    """Its tags that we wrote: what a tenant forges counts for nothing."""
    nova = world.nova
    tags = nova.servers[server_id].tags
    return [tag for tag in tags if (server_id, tag) in nova.written]


def knowingly(world: World, server_id: str) -> Iterator[str]:
    if world.running is not None and world.running.stood_still:
        # They were fresh when it read them, in this tick.
        return
    at = world.measured_at
    if 'signals' in world.edge.down or (
        at is not None
        and world.clock.now - at > MAX_AGE + abs(world.setting.skew)
    ):
        yield f'the move of {server_id} begins on signals that are stale'
    yield from told(world, server_id)


def told(world: World, server_id: str) -> Iterator[str]:
    if world.nova.view is None or 'bus' in world.edge.down:
        yield f'{server_id} goes on, and nova-scheduler was not told'


def read(
    world: World, server_id: str, but: Set[str] = frozenset()
) -> Iterator[str]:
    """Nova has told all that this is decided by."""
    if world.running is not None and world.running.stood_still:
        return
    # Who reads all anew needs no changes.
    if missing := world.nova.fails - but - {'changed'}:
        yield f'{server_id} goes on, and Nova does not tell {missing}'


def others_are_kept(world: World) -> Iterator[str]:
    for place in world.places.values():
        if place.robbed():
            yield f'what is no server of ours is put into {place.name}'
        for server_id in place.others:
            if server_id in world.nova.servers and place.serves(server_id):
                yield (
                    f'somebody else took {server_id} out of {place.name}, and '
                    'it is in service'
                )


def nothing_done(world: World) -> Iterator[str]:
    if world.nova.log:
        yield f'a dry run, or a policy, let it do {world.nova.log[0]}'


def at_rest(world: World) -> Iterator[str]:
    """Everything has answered again, for longer than any pause of ours."""
    for place in world.places.values():
        for server_id in place.servers:
            if place.holds(server_id):
                yield (
                    f'something of ours is left of {server_id} in {place.name}'
                )
            elif (
                server_id in world.nova.servers
                and server_id not in place.others
                and not place.serves(server_id)
            ):
                yield f'{server_id} is left out of {place.name}'
    for server_id, server in world.nova.servers.items():
        for tag in server.tags:
            if tag.startswith('steal:'):
                yield f'tag {tag} is left at {server_id}'


def in_down_cell(world: World) -> Iterator[str]:
    """All but its cell has answered again for longer than any drain may take.

    NOTE: a leader that did not write the tag cannot read it now, and knows
    nothing of the server.
    """
    if world.setting.apart:
        return
    for server_id in world.nova.cell_down & world.nova.servers.keys():
        ours = [
            tag
            for tag in _ours(world, server_id)
            if tag.split(':')[4] == str(world.store.number)
        ]
        if _newest(ours)[0] not in ('drain', 'undo'):
            continue
        for place in world.places.values():
            if server_id in place.servers and place.holds(server_id):
                yield (
                    f'{server_id} is left out of {place.name} for its cell, '
                    'and Nova was not asked to migrate it'
                )


def _newest(found: Iterable[str]) -> tuple[str, float]:
    """Stage and time of the newest tag."""
    parts = [tag.split(':') for tag in found if tag.startswith('steal:')]
    since, stage = max(((p[2], p[1]) for p in parts), default=('0', ''))
    return stage, float(since)
