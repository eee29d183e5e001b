"""Reads that failed, by reason."""

import errno
from collections import Counter

from oslo_log import log

LOG = log.getLogger(__name__)

#: race: a process or a cgroup ended while it was read; this is normal.
REASONS = ('race', 'denied', 'files', 'other')

_REASON = {
    errno.ENOENT: 'race',
    errno.ESRCH: 'race',
    errno.ENODEV: 'race',
    errno.EACCES: 'denied',
    errno.EPERM: 'denied',
    errno.EMFILE: 'files',
    errno.ENFILE: 'files',
}

_CURES = {
    'denied': 'Let this user read it, or mount /proc without hidepid.',
    'files': 'Raise the limit of open files (LimitNOFILE).',
    'other': 'What was read is left out.',
}


class Failures:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, error: OSError | ValueError) -> None:
        """Count it, and log the first of each kind that is no race.

        A ValueError is a file that was cut short: its process ended.
        """
        reason = 'race'
        if isinstance(error, OSError):
            reason = _REASON.get(error.errno or 0, 'other')
        if reason != 'race' and not self.counts[reason]:
            LOG.warning('A read failed: %s. %s', error, _CURES[reason])
        self.counts[reason] += 1
