"""What hypervisors and the orchestrator did, and whether it was right.

A file of lines in their order: ``drain ID``, ``migrate ID``, ``reattach ID``.
Whoever does it writes it, in one piece. Drains and reattaches may be repeated.
"""

import itertools
import os
import pathlib
from collections.abc import Sequence

#: Names the file, to those that write.
VARIABLE = 'STEAL_EVENTS'

#: An orchestrator that keeps no list of whom it took out.
SCRIPT = """\
#!/bin/sh
echo "$1 $STEAL_SERVER_ID" >> {path}
"""


def tell(what: str, server_id: str) -> None:
    with pathlib.Path(os.environ[VARIABLE]).open('ab', buffering=0) as file:
        file.write(f'{what} {server_id}\n'.encode())


def read(path: pathlib.Path, server_id: str) -> list[str]:
    """What was done to this server."""
    lines = (line.split() for line in path.read_text().splitlines())
    return [what for what, id_ in lines if id_ == server_id]


def is_out(done: Sequence[str]) -> bool:
    """Whether it was drained, and not reattached since."""
    return _changes(done)[-1:] == ['drain']


def cycles(done: Sequence[str]) -> int:
    """How often it was out of service."""
    return [what for what, _ in itertools.groupby(_changes(done))].count(
        'drain'
    )


def trouble(done: Sequence[str]) -> list[str]:
    """What should not have been done: at most one migration while it is out.

    >>> trouble(['drain', 'migrate', 'reattach'])
    []
    >>> trouble(['drain', 'migrate', 'reattach', 'migrate'])
    ['it migrated in service']
    """
    found, out, migrated = [], False, False
    for what in done:
        if what == 'migrate':
            if not out:
                found.append('it migrated in service')
            elif migrated:
                found.append('it migrated twice')
            migrated = True
        elif (what == 'drain') != out:
            out, migrated = not out, False
    return found


def _changes(done: Sequence[str]) -> list[str]:
    return [what for what in done if what != 'migrate']
