"""A real steal-exporter, and what the kernel tells of its process."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from prometheus_client import parser

TICK = os.sysconf('SC_CLK_TCK')
CONFIG = """
[DEFAULT]
use_stderr = True

[exporter]
listen_host = 127.0.0.1
listen_port = 0
"""
#: Seconds until it listens, and until it has ended.
PATIENCE = 60

#: A metric of a server by its name, its bound and its uuid.
Key = tuple[str, str, str]


@dataclasses.dataclass(frozen=True)
class Page:
    """One scrape."""

    #: Monotonic times: when it was asked for, and of the sample it shows.
    asked: float
    at: float
    #: Seconds until it was there.
    took: float
    values: dict[Key, float]

    def host(self, name: str, label: str = '') -> float:
        return self.values[name, label, '']

    def server(self, name: str, uuid: str) -> float:
        return self.values[f'steal_exporter_server_{name}', '', uuid]

    def servers(self) -> set[str]:
        return {
            k[2] for k in self.values if k[0] == 'steal_exporter_server_vcpus'
        }


@dataclasses.dataclass(frozen=True)
class Vitals:
    #: kB; heap is the part of rss that is in no file.
    rss: int
    heap: int
    threads: int
    #: Seconds: on a core, and ready to run without one.
    cpu: float
    delay: float
    #: What is open, by number.
    files: dict[int, str]


class Watched:
    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix='steal-soak-')
        self.log = Path(self._directory.name, 'log')
        config = Path(self._directory.name, 'steal-exporter.conf')
        config.write_text(CONFIG)
        with self.log.open('wb') as log:
            self._process = subprocess.Popen(
                [
                    Path(sys.executable).with_name('steal-exporter'),
                    f'--config-file={config}',
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = self._process.pid
        try:
            self._url = f'http://127.0.0.1:{self._port()}/metrics'
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> 'Watched':
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _port(self) -> int:
        pause = threading.Event()
        until = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < until:
            text = self.log.read_text()
            if found := re.search(r'serves metrics on .*, port (\d+)', text):
                return int(found[1])
            pause.wait(0.05)
        raise RuntimeError(f'it does not listen: {self.log.read_text()}')

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._directory.cleanup()

    def end(self) -> int:
        """Ask it to end; return its status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    def scrape(self) -> Page:
        asked = time.monotonic()
        with urllib.request.urlopen(self._url, timeout=PATIENCE) as response:
            text = response.read().decode()
        took = time.monotonic() - asked
        values = {}
        for family in parser.text_string_to_metric_families(text):
            for sample in family.samples:
                labels = dict(sample.labels)
                uuid = labels.pop('uuid', '')
                labels.pop('domain', None)
                label = ','.join(labels.values())
                values[sample.name, label, uuid] = sample.value
        stamp = values['steal_exporter_last_sample_timestamp_seconds', '', '']
        at = time.monotonic() - (time.time() - stamp)
        return Page(asked, at, took, values)

    def vitals(self) -> Vitals:
        proc = Path(f'/proc/{self.pid}')
        # NOTE: VmRSS of status is only near: each core counts for itself.
        memory = {
            name: int(value)
            for name, value in re.findall(
                r'^(\w+): +(\d+) kB$',
                (proc / 'smaps_rollup').read_text(),
                re.MULTILINE,
            )
        }
        stat = (proc / 'stat').read_text().rpartition(') ')[2].split()
        return Vitals(
            rss=memory['Rss'],
            heap=memory['Anonymous'],
            threads=int(stat[17]),
            cpu=(int(stat[11]) + int(stat[12])) / TICK,
            # Of its first thread, which samples.
            delay=schedstat(proc / f'task/{self.pid}')[1],
            files=links(proc / 'fd'),
        )


def links(directory: Path) -> dict[int, str]:
    found = {}
    for path in directory.iterdir():
        try:
            found[int(path.name)] = os.readlink(path)
        except FileNotFoundError:
            # Closed meanwhile.
            continue
    return found


def schedstat(task: Path) -> tuple[float, float]:
    """Return the seconds that a thread ran and waited."""
    run, wait, _ = (task / 'schedstat').read_text().split()
    return int(run) / 1e9, int(wait) / 1e9


def vcpus(pid: int) -> tuple[float, float]:
    """Return the seconds that all vCPUs of a process ran and waited."""
    tasks = [
        task
        for task in Path(f'/proc/{pid}/task').iterdir()
        if (task / 'comm').read_text().startswith('CPU ')
    ]
    found = [schedstat(task) for task in tasks]
    return sum(run for run, _ in found), sum(wait for _, wait in found)
