"""Run all benchmarks, or those that are named, one after the other.

    python tests/bench/run.py [NAME [NUMBER] ...]

They print what they measure and judge nothing: numbers of two machines, or of
one that does something else meanwhile, cannot be compared. Three run only if
they are named: ``soak``, with a number of minutes, which fails if something
that it watches is untrue, ``libvirt``, which needs root and hypervisors, and
``readers``, which needs RabbitMQ.
"""

import importlib
import os
import signal
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
NAMES = (
    'decision',
    'demand',
    'replay',
    'calls',
    'wire',
    'scheduler',
    'exporter',
)


def main(words: list[str]) -> int:
    # Each in a process of its own: Nova's changes what others measure.
    failed = 0
    for named in benches(words) or [[name] for name in NAMES]:
        print('==', *named, flush=True)
        failed |= run(named)
        print(flush=True)
    return failed


def run(named: list[str]) -> int:
    """Run one; it tidies up, also if we are told to end."""
    with subprocess.Popen(
        # -P: a bench may be called as a library is.
        [
            *(sys.executable, '-P', '-W', 'ignore'),
            *(__file__, '--one', *named),
        ],
        env={**os.environ, 'PYTHONPATH': ROOT},
        # A Ctrl-C reaches us alone.
        start_new_session=True,
    ) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise


def benches(words: list[str]) -> list[list[str]]:
    """Each name with the numbers that follow it."""
    found: list[list[str]] = []
    for word in words:
        if word.replace('.', '', 1).isdigit() and found:
            found[-1].append(word)
        else:
            found.append([word])
    return found


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('terminated'))
    if sys.argv[1:2] == ['--one']:
        bench = importlib.import_module(f'tests.bench.{sys.argv[2]}')
        sys.exit(bench.main(*sys.argv[3:]))
    else:
        sys.exit(main(sys.argv[1:]))
