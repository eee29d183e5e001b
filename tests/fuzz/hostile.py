"""Views, requests and host states, right ones and worse."""

import contextlib
import json
import random
import time
from typing import Any

from steal_scheduler.messaging import view_format
from steal_scheduler.model.host_view import HostView, Mover, Tier, View
from steal_scheduler.model.rankings import Ranking, Rankings
from tests.fuzz import mutate
from tests.unit.scheduler import base

HOSTS = [f'h{n}' for n in range(8)]
IDS = [f'{n:08x}-0000-4000-8000-000000000000' for n in range(4)]


def view(rng: random.Random, names: list[str]) -> View:
    hosts = {
        name: HostView(
            tier=rng.choice([*Tier]),
            steal=rng.random(),
            demand=rng.uniform(0, 80),
            cores=rng.choice((0.0, 8.0, 64.0)),
            credit=rng.choice((0.0, 4.0)),
            arrivals=rng.randrange(3),
            runnable=rng.choice((None, rng.uniform(0, 3))),
            zone=rng.choice((None, 'az1', 'az2')),
        )
        for name in names
    }
    return View(
        taken_at=time.time(),
        hosts=hosts,
        roles={
            role: {name: rng.randrange(1, 9) for name in names[::2]}
            for role in ('web', 'db')
        },
        movers={
            server_id: Mover(rng.choice((None, 'web')), names[0], 4.0)
            for server_id in IDS[:2]
        },
        rankings=Rankings(
            time.time(),
            {
                server_id: Ranking(
                    [names[:1], names[2:4]], frozenset(names[::2])
                )
                for server_id in IDS[:2]
            },
        ),
    )


def message(seed: int) -> Any:
    """A view as it is sent, or what is none."""
    rng = random.Random(seed)
    sent = view_format.encode(view(rng, HOSTS[: rng.randrange(2, 9)]))
    if rng.random() < 0.4:
        return sent
    how = rng.choice(mutate.PARTS)
    mutation = mutate.Mutation(0, how, rng.randrange(10**9))
    with contextlib.suppress(RecursionError, ValueError):
        sent = json.loads(mutate.mutated(sent, mutation)[0])
    return rng.choice((sent, sent, sent, sent, rng.choice(mutate.OTHERS)))


def request(rng: random.Random) -> Any:
    """A request of Nova's, some of whose fields are missing or odd."""
    make = rng.choice(
        (base.boot, base.move, base.unshelve, lambda: base.rebuild('h1'))
    )
    spec = make()
    spec.instance_uuid = rng.choice(IDS)
    if rng.random() < 0.3:
        spec.scheduler_hints = {'steal_role': [rng.choice(mutate.TEXTS)]}
    for part in (spec, spec.flavor, spec.requested_destination):
        if part is not None and rng.random() < 0.15:
            _spoil(part, [f'_obj_{name}' for name in part.fields], rng)
    return spec


def candidates(rng: random.Random) -> list[Any]:
    """Host states of Nova's: unknown ones, the same twice, odd ones."""
    found = []
    for _ in range(rng.randrange(1, 7)):
        multiplier = {}
        if rng.random() < 0.1:
            said = rng.choice(('nan', 'x', '-1', '1e999', '2', ''))
            multiplier = {'steal_weight_multiplier': said}
        found.append(
            base.host_state(
                rng.choice((*HOSTS, 'unknown')),
                rng.choice((None, None, 'az1', 'az2')),
                beside=HOSTS[:3],
                servers=IDS[:1],
                **multiplier,
            )
        )
    for state in found:
        for aggregate in state.aggregates:
            if rng.random() < 0.02:
                _spoil(aggregate, ['_obj_metadata', '_obj_hosts'], rng)
        if rng.random() < 0.05:
            _spoil(state, ['host', 'aggregates', 'instances'], rng)
    if rng.random() < 0.1:
        found.append(found[0])
    return found


def _spoil(part: Any, names: list[str], rng: random.Random) -> None:
    """Past what Nova's objects allow, as a plug-in of others might."""
    name = rng.choice(names)
    with contextlib.suppress(AttributeError):
        if rng.random() < 0.3:
            delattr(part, name)
        else:
            setattr(part, name, rng.choice(mutate.OTHERS))
