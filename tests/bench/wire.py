"""How large a view is: in a message, and in each nova-scheduler worker.

Of its servers 30 are about to move, and each has a ranking of the hosts.
"""

import dataclasses
import itertools
import json
import time
import tracemalloc

from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.rankings import rankings
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.messaging import view_format
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.host_view import View
from steal_scheduler.model.move import Move, Stage
from tests.bench import clouds
from tests.unit.make import rules

SIZES = ((80, 1_000), (500, 6_000), (8_000, 100_000))
MOVERS = 30
REPEATS = 5


def main() -> None:
    print(f'A view; best of {REPEATS}')
    print(
        f'{"hosts":>6} {"servers":>8} {"roles":>6} {"rank":>8} '
        f'{"message":>10} {"of that":>8} '
        f'{"encode":>8} {"decode":>8} {"in memory":>10}'
    )
    for hosts, servers in SIZES:
        seen, seconds = ranked_view(hosts, servers)
        part = json.dumps(view_format.encode(seen)['rankings'])
        encode, decode = [], []
        for _ in range(REPEATS):
            begun = time.perf_counter()
            # As oslo.messaging does: an envelope of JSON in JSON.
            sent = json.dumps(json.dumps(view_format.encode(seen)))
            packed = time.perf_counter()
            arrived = view_format.decode(json.loads(json.loads(sent)))
            encode.append(packed - begun)
            decode.append(time.perf_counter() - packed)
        assert arrived.roles == seen.roles
        assert arrived.rankings.of.keys() == seen.movers.keys()
        print(
            f'{hosts:>6} {servers:>8} {len(seen.roles):>6} '
            f'{seconds * 1e3:>5.1f} ms '
            f'{len(sent) / 1e3:>7.0f} kB {len(part) / 1e3:>5.0f} kB '
            f'{min(encode) * 1e3:>5.1f} ms '
            f'{min(decode) * 1e3:>5.1f} ms {memory(sent) / 1e3:>7.0f} kB'
        )


def ranked_view(hosts: int, servers: int) -> tuple[View, float]:
    """A view, and seconds that it took to rank the hosts for its movers."""
    now = time.time()
    fleet, signals = clouds.cloud(hosts, servers, now)
    moves = {
        server_id: Move(
            server,
            server.host or '',
            Stage.DRAIN,
            now,
            demand=Demand(1.0, 1.0 + n / 10, 6.0),
        )
        for n, (server_id, server) in enumerate(
            itertools.islice(fleet.servers.items(), MOVERS)
        )
    }
    snapshot = Snapshot(now, rules(), fleet, signals, moves=moves)
    seen = build_view(snapshot)
    snapshot = dataclasses.replace(snapshot, view=seen)
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        ranked = rankings(snapshot)
        seconds.append(time.perf_counter() - begun)
    return dataclasses.replace(seen, rankings=ranked), min(seconds)


def memory(sent: str) -> int:
    """Bytes that a worker holds for it."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    kept = view_format.decode(json.loads(json.loads(sent)))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return after - before


if __name__ == '__main__':
    main()
