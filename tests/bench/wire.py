"""How large a view is: in a message, and in each nova-scheduler worker."""

import json
import time
import tracemalloc

from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.messaging import view_format
from tests.bench import clouds
from tests.unit.make import rules

SIZES = ((80, 1_000), (500, 6_000), (8_000, 100_000))
REPEATS = 5


def main() -> None:
    print(f'A view; best of {REPEATS}')
    print(
        f'{"hosts":>6} {"servers":>8} {"roles":>6} {"message":>10} '
        f'{"encode":>8} {"decode":>8} {"in memory":>10}'
    )
    for hosts, servers in SIZES:
        now = time.time()
        fleet, signals = clouds.cloud(hosts, servers, now)
        seen = build_view(Snapshot(now, rules(), fleet, signals))
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
        print(
            f'{hosts:>6} {servers:>8} {len(seen.roles):>6} '
            f'{len(sent) / 1e3:>7.0f} kB {min(encode) * 1e3:>5.1f} ms '
            f'{min(decode) * 1e3:>5.1f} ms {memory(sent) / 1e3:>7.0f} kB'
        )


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
