"""Run every test module of a directory in a process of its own.

The functional tests start a whole Nova inside the test process, and Nova's
globals (configuration, database facades, RPC) allow for one cloud in the life
of a process. stestr cannot arrange that: its workers are as many as its
concurrency, each running many modules (``group_regex`` only keeps a module
together), and ``--isolated`` starts a process for every single test, one
after the other.

So this finds the tests with stestr, runs stestr's own worker once for each
module, N at a time, and hands their results to stestr as one run: what is
printed, ``stestr last``, ``failing`` and ``slowest`` are as after
``stestr run``. A module that crashes, exits non-zero or takes too long counts
as a failed test named ``<module>.process``.

    python tools/run_isolated.py [-c N] [--timeout SECONDS] PATH [REGEX]
"""

import argparse
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading

import subunit
from stestr import commands

WORKER = [sys.executable, '-m', 'stestr.subunit_runner.run']
MODULE = re.compile(r'[\w.]+?\.test_\w+(?=\.)')


def find(path, regex):
    """Return the tests to run: module name -> list of test ids."""
    if not os.path.isdir('.stestr'):
        commands.init_command()
    listing = subprocess.run(
        ['stestr', '--test-path', path, 'list', *regex],
        stdout=subprocess.PIPE,
        text=True,
    )
    if listing.returncode:
        sys.exit(f'{listing.stdout}\nThe tests in {path} cannot be loaded.')
    modules = {}
    for line in listing.stdout.splitlines():
        if found := MODULE.match(line):
            modules.setdefault(found.group(), []).append(line)
    return modules


def run(module, test_ids, stream, timeout):
    """Run one module; a subunit stream goes to the file ``stream``."""
    with tempfile.NamedTemporaryFile('w', suffix='.list') as wanted:
        wanted.write('\n'.join(test_ids))
        wanted.flush()
        worker = [*WORKER, '--load-list', wanted.name, module]
        try:
            code = subprocess.run(
                worker,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                timeout=timeout,
            ).returncode
            trouble = f'exited with {code}' if code else None
        except subprocess.TimeoutExpired:
            trouble = f'was killed: not finished after {timeout} s'
    if trouble:
        result = subunit.StreamResultToBytes(stream)
        test_id = f'{module}.process'
        result.status(test_id=test_id, test_status='inprogress')
        result.status(
            test_id=test_id,
            test_status='fail',
            file_name='reason',
            file_bytes=f'The process of {module} {trouble}.\n'.encode(),
            mime_type='text/plain;charset=utf8',
            eof=True,
        )


def work(todo, stream, timeout):
    with stream:
        while True:
            try:
                module, test_ids = todo.get_nowait()
            except queue.Empty:
                return
            run(module, test_ids, stream, timeout)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('-c', '--concurrency', type=int, default=2)
    parser.add_argument(
        '--timeout', type=float, default=900, metavar='SECONDS'
    )
    parser.add_argument('path')
    parser.add_argument('regex', nargs='*', help='as for stestr run')
    args = parser.parse_args()

    modules = find(args.path, args.regex)
    if not modules:
        sys.exit(f'No test in {args.path} matches.')
    todo = queue.SimpleQueue()
    for item in modules.items():
        todo.put(item)

    streams = []
    for _ in range(args.concurrency):
        readable, writable = os.pipe()
        streams.append(('subunit', os.fdopen(readable, 'rb')))
        threading.Thread(
            target=work,
            args=(todo, os.fdopen(writable, 'wb', buffering=0), args.timeout),
            daemon=True,
        ).start()
    return commands.load_command(False, in_streams=streams, pretty_out=True)


if __name__ == '__main__':
    sys.exit(main())
