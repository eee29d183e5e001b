"""How much 100 people who read at steal-api slow the migrator's step.

A migrator of 80 hosts and 1,000 servers that decides again and again, and
answers over a real RabbitMQ; steal-api with its web server; and readers. Each
is a process of its own. One run compares steps without readers, with readers
who look once a second, and with readers who never pause. On a machine with few
cores the last ones also take the cores that the step needs: see what the step
itself ran (CPU), and what it took (wall).
"""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
import contextlib
import dataclasses
import itertools
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Iterator
from typing import Any

import oslo_messaging.conffixture
import requests
from oslo_config import cfg

from steal_scheduler.decision import decide as decision
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.messaging.leader_rpc import LeaderServer
from steal_scheduler.migrator.desk import Desk
from tests.bench import clouds
from tests.bench.decision import RULES
from tests.integration.rabbitmq import RabbitMQ

READERS = 100
HOSTS, SERVERS = 80, 1_000
#: Steps of each kind, seconds between two of them, and rounds.
STEPS, PAUSE, ROUNDS = 20, 0.1, 3
PATHS = ('summary', 'servers?contended=true', 'plan', 'hosts', 'moves')
#: Seconds between two looks of a reader, by what it is called.
KINDS = {'none': None, 'one a second each': 1.0, 'without a pause': 0.0}


def migrator(url: str) -> None:
    """Answer; at each line of the input step some times, and say how long."""
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    oslo_messaging.conffixture.ConfFixture(conf, transport_url=url).setUp()
    parts: Any = types.SimpleNamespace(
        signer=types.SimpleNamespace(number=lambda: 1),
        audit=None,
        past=types.SimpleNamespace(read=tuple),
    )
    nova: Any = None
    desk = Desk(conf, nova, parts, parts)
    fleet, signals = clouds.cloud(HOSTS, SERVERS, 1_800_000_000.0)

    def step() -> tuple[float, float]:
        begun = time.perf_counter(), time.thread_time()
        seen = Snapshot(
            1_800_000_000.0, RULES, dataclasses.replace(fleet), signals
        )
        snapshot = usable_signals(seen)
        snapshot = dataclasses.replace(snapshot, view=build_view(snapshot))
        desk.show(snapshot, decision.decide(snapshot, {}), (), {})
        return time.perf_counter() - begun[0], time.thread_time() - begun[1]

    step()
    LeaderServer(conf, lambda: True, desk.answer).start()
    print('ready', flush=True)
    pause = threading.Event()
    for _ in sys.stdin:
        taken = []
        for _ in range(STEPS):
            pause.wait(PAUSE)
            taken.append(step())
        print(*(statistics.median(t) for t in zip(*taken, strict=True)))
        sys.stdout.flush()


def api(path: str) -> None:
    """steal-api, to which everybody is an admin."""
    import waitress

    from steal_scheduler.api import app
    from steal_scheduler.conf import api as options

    def login(inner: Any) -> Any:
        def entry(environ: dict[str, Any], start: Any) -> Any:
            environ |= {'HTTP_X_ROLES': 'admin', 'HTTP_X_PROJECT_ID': 'p'}
            return inner(environ, start)

        return entry

    conf = options.load([f'--config-file={path}'], 'steal-api')
    server = waitress.create_server(
        app.build(conf, login=login), port=0, threads=32
    )
    print(server.effective_port, flush=True)
    server.run()


@contextlib.contextmanager
def process(*words: str) -> Iterator['subprocess.Popen[str]']:
    with subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-m', 'tests.bench.readers', *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as found:
        try:
            yield found
        finally:
            found.kill()


def read(url: str, pause: float, over: threading.Event, done: Any) -> None:
    """Look again and again; ``done`` counts answers by status."""
    session = requests.Session()
    session.trust_env = False
    for path in itertools.cycle(PATHS):
        if over.wait(pause):
            return
        status = session.get(f'{url}/v1/{path}', timeout=60).status_code
        done.append(status)


def main() -> None:
    with contextlib.ExitStack() as stack:
        workdir = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory())
        )
        broker = stack.enter_context(RabbitMQ(workdir))
        path = workdir / 'steal-api.conf'
        path.write_text(f'[DEFAULT]\ntransport_url = {broker.url}\n')
        leads = stack.enter_context(process('migrator', broker.url))
        serves = stack.enter_context(process('api', str(path)))
        assert leads.stdin and leads.stdout and serves.stdout
        leads.stdout.readline()
        url = f'http://127.0.0.1:{serves.stdout.readline().strip()}'
        found: dict[str, list[tuple[float, ...]]] = {
            kind: [] for kind in KINDS
        }
        answers: dict[str, list[int]] = {kind: [] for kind in KINDS}
        for kind in [*KINDS] * ROUNDS:
            over, pause = threading.Event(), KINDS[kind]
            threads = [
                threading.Thread(
                    target=read, args=(url, pause, over, answers[kind])
                )
                for _ in range(READERS if pause is not None else 0)
            ]
            for thread in threads:
                thread.start()
            leads.stdin.write('step\n')
            leads.stdin.flush()
            words = leads.stdout.readline().split()
            found[kind].append(tuple(map(float, words)))
            over.set()
            for thread in threads:
                thread.join()
        print(f'{READERS} readers, {HOSTS} hosts, {SERVERS} servers (ms)')
        print(f'{"readers":<20} {"wall":>7} {"CPU":>7}  ratios      answers')
        base = [statistics.median(t) for t in zip(*found['none'], strict=True)]
        for kind, times in found.items():
            wall, cpu = (
                statistics.median(t) for t in zip(*times, strict=True)
            )
            bad = sum(status != 200 for status in answers[kind])
            print(
                f'{kind:<20} {wall * 1e3:>7.1f} {cpu * 1e3:>7.1f}  '
                f'{wall / base[0]:.2f} {cpu / base[1]:.2f}   '
                f'{len(answers[kind])}, {bad} of them errors'
            )


if __name__ == '__main__':
    if sys.argv[1:2] == ['migrator']:
        migrator(sys.argv[2])
    elif sys.argv[1:2] == ['api']:
        api(sys.argv[2])
    else:
        main()
