"""An orchestrator's script that does what the test says, and notes it."""

import contextlib
import os
import pathlib

_TEXT = """\
#!/bin/sh
cd {directory} || exit 1
echo "$1 $STEAL_SERVER_ID" >> record
if [ -e "$1.hangs" ]; then
    read -r _ < pipe
fi
if [ -e "$1.waits" ]; then
    echo 'as the test says'
    exit 75
fi
if [ -e "$1.refuses" ]; then
    echo 'as the test says'
    exit 3
fi
echo "$1 $STEAL_SERVER_ID" >> done
"""


class Script:
    """Answers 'done', unless it is told something else."""

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir()
        # Nobody ever writes to it.
        os.mkfifo(directory / 'pipe')
        self._directory = directory
        self.path = directory / 'script'
        self.path.write_text(_TEXT.format(directory=directory))
        self.path.chmod(0o755)

    def let(self, verb: str, how: str) -> None:
        """From now on the verb ``waits``, ``refuses`` or ``hangs``."""
        (self._directory / f'{verb}.{how}').touch()

    def release(self) -> None:
        """From now on it answers 'done' again."""
        for how in ('waits', 'refuses', 'hangs'):
            for path in self._directory.glob(f'*.{how}'):
                path.unlink()

    def asked(self, server_id: str) -> list[str]:
        """Verbs it was called with for this server, in order."""
        return self._read('record', server_id)

    def done(self, server_id: str) -> list[str]:
        """Verbs it answered 'done' to."""
        return self._read('done', server_id)

    def processes(self) -> list[int]:
        """Process ids of those that run now."""
        found = []
        for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
            with contextlib.suppress(OSError):
                if str(self.path).encode() in path.read_bytes().split(b'\0'):
                    found.append(int(path.parent.name))
        return found

    def _read(self, name: str, server_id: str) -> list[str]:
        path = self._directory / name
        lines = path.read_text().splitlines() if path.exists() else []
        pairs = [line.split(' ', 1) for line in lines]
        return [verb for verb, about in pairs if about == server_id]
