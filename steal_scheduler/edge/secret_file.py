"""Files that hold a token or a key; they are read anew for each request."""

import os
import re

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import StealError


class UnusableFile(StealError):
    """The file cannot be used; the text names it, and quotes nothing."""


def read_token(path: str) -> str:
    """The one line of a file.

    :raises UnusableFile: it cannot be read, or holds no token
    """
    token = _read(path)[0].strip()
    # Else the HTTP library would complain, and quote the token.
    if not re.fullmatch('[!-~]+', token):
        raise UnusableFile(
            f'{path!r} does not hold one line of printable ASCII: write the '
            'token into it'
        )
    return token


def read_lines(path: str) -> list[str]:
    """Every line that is not empty, of a file that is not everybody's.

    :raises UnusableFile: it cannot be read, is empty, or others may see it
    """
    text, mode = _read(path)
    if mode & 0o006:
        raise UnusableFile(
            f'{path!r}: anybody may read or write the file: run '
            'chmod o-rw on it'
        )
    if not (lines := text.split()):
        raise UnusableFile(f'{path!r}: the file is empty')
    return lines


def _read(path: str) -> tuple[str, int]:
    """What the file holds, and the mode of that very file: 0o640."""
    try:
        with open(path, encoding='utf-8', errors='replace') as file:
            return file.read(), os.fstat(file.fileno()).st_mode
    except OSError as error:
        reason = one_line(error.strerror or error)
        raise UnusableFile(f'{path!r} cannot be read: {reason}') from error
