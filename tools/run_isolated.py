"""Run the test modules of a directory, each in a process of its own.

Some tests start a whole Nova inside the test process, and Nova's globals
(configuration, database facades, RPC) allow for one cloud in the life of a
process; others start daemons that no other module may meet. stestr cannot
arrange that: its workers are as many as its concurrency, each running many
modules (``group_regex`` only keeps a module together), and ``--isolated``
starts a process for every single test, one after the other.

So this finds the tests with stestr, runs stestr's own worker once for each
group of modules, N at a time, and hands their results to stestr as one run:
what is printed, ``stestr last``, ``failing`` and ``slowest`` are as after
``stestr run``. A group that crashes, exits non-zero or takes too long counts
as a failed test named ``<group>.process``.

A module is a group by itself, unless it lies in a package below PATH: the
modules of such a package run in one process, one after the other, and can
share what is expensive to start (``tests/shared.py``)::

    tests/integration/test_presets.py     a process
    tests/functional/nova/test_boots.py   another one ...
    tests/functional/nova/test_cloud.py   ... which runs this module as well

    python tools/run_isolated.py [-c N] [--timeout SECONDS] PATH [REGEX]

``--alone GROUP`` is for what takes the machine from all that runs beside it.
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


def group_of(module, path):
    """Name the process that a module runs in: itself, or its package."""
    package = module.rpartition('.')[0]
    top = os.path.normpath(path).replace(os.sep, '.')
    return module if package == top else package


def find(path, regex):
    """Return the tests to run: group -> module -> list of test ids."""
    if not os.path.isdir('.stestr'):
        commands.init_command()
    listing = subprocess.run(
        ['stestr', '--test-path', path, 'list', *regex],
        stdout=subprocess.PIPE,
        text=True,
    )
    if listing.returncode:
        sys.exit(f'{listing.stdout}\nThe tests in {path} cannot be loaded.')
    groups = {}
    for line in listing.stdout.splitlines():
        if found := MODULE.match(line):
            module = found.group()
            group = groups.setdefault(group_of(module, path), {})
            group.setdefault(module, []).append(line)
    return groups


def run(group, modules, stream, timeout):
    """Run one group; a subunit stream goes to the file ``stream``."""
    with tempfile.NamedTemporaryFile('w', suffix='.list') as wanted:
        for test_ids in modules.values():
            wanted.writelines(f'{test_id}\n' for test_id in test_ids)
        wanted.flush()
        worker = [*WORKER, '--load-list', wanted.name, *modules]
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
        test_id = f'{group}.process'
        result.status(test_id=test_id, test_status='inprogress')
        result.status(
            test_id=test_id,
            test_status='fail',
            file_name='reason',
            file_bytes=f'The process of {group} {trouble}.\n'.encode(),
            mime_type='text/plain;charset=utf8',
            eof=True,
        )


def work(todo, alone, others, stream, timeout):
    """Run what is to do; the last of all workers, what is to run alone."""
    with stream:
        try:
            run_all(todo, stream, timeout)
        finally:
            # Also after an error: the others would wait for ever.
            last = others.wait() == 0
        if last:
            run_all(alone, stream, timeout)


def run_all(todo, stream, timeout):
    while True:
        try:
            group, modules = todo.get_nowait()
        except queue.Empty:
            return
        run(group, modules, stream, timeout)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('-c', '--concurrency', type=int, default=2)
    parser.add_argument(
        '--timeout', type=float, default=900, metavar='SECONDS'
    )
    parser.add_argument(
        '--alone',
        action='append',
        default=[],
        metavar='GROUP',
        help='nothing else runs beside it, and it comes last',
    )
    parser.add_argument('path')
    parser.add_argument('regex', nargs='*', help='as for stestr run')
    args = parser.parse_args()

    groups = find(args.path, args.regex)
    if not groups:
        sys.exit(f'No test in {args.path} matches.')
    todo, alone = queue.SimpleQueue(), queue.SimpleQueue()
    # The largest first: else it would run alone at the end.
    for item in sorted(groups.items(), key=lambda g: -len(g[1])):
        (alone if item[0] in args.alone else todo).put(item)
    others = threading.Barrier(args.concurrency)

    streams = []
    for _ in range(args.concurrency):
        readable, writable = os.pipe()
        streams.append(('subunit', os.fdopen(readable, 'rb')))
        threading.Thread(
            target=work,
            args=(
                todo,
                alone,
                others,
                os.fdopen(writable, 'wb', buffering=0),
                args.timeout,
            ),
            daemon=True,
        ).start()
    return commands.load_command(False, in_streams=streams, pretty_out=True)


if __name__ == '__main__':
    sys.exit(main())
