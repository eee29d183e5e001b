"""Run all benchmarks, or those that are named, one after the other.

    python tests/bench/run.py [NAME ...]

They print what they measure and judge nothing: numbers of two machines, or of
one that does something else meanwhile, cannot be compared.
"""

import importlib
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
NAMES = ('decision', 'calls', 'wire', 'scheduler', 'exporter')


def main(names: list[str]) -> int:
    # Each in a process of its own: Nova's changes what others measure.
    failed = 0
    for name in names or NAMES:
        print(f'== {name}', flush=True)
        failed |= subprocess.run(
            [sys.executable, '-W', 'ignore', __file__, '--one', name],
            env={**os.environ, 'PYTHONPATH': ROOT},
        ).returncode
        print(flush=True)
    return failed


if __name__ == '__main__':
    if sys.argv[1:2] == ['--one']:
        importlib.import_module(f'tests.bench.{sys.argv[2]}').main()
    else:
        sys.exit(main(sys.argv[1:]))
