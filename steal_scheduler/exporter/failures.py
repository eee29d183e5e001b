"""Reads that failed, by reason."""

import errno
from collections import Counter

from oslo_log import log

LOG = log.getLogger(__name__)

#: ended: a process or a cgroup ended while it was read; this is normal.
REASONS = ('ended', 'denied', 'file_limit', 'other')

_REASON = {
    errno.ENOENT: 'ended',
    errno.ESRCH: 'ended',
    errno.ENODEV: 'ended',
    errno.EACCES: 'denied',
    errno.EPERM: 'denied',
    errno.EMFILE: 'file_limit',
    errno.ENFILE: 'file_limit',
}

_CURES = {
    'denied': 'Let this user read the file, or mount /proc without hidepid.',
    'file_limit': 'Raise the limit of open files (LimitNOFILE).',
    'other': 'The exporter leaves out what it could not read.',
}


class Failures:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, error: OSError | ValueError) -> None:
        """Count it, and log the first of each reason but ``ended``.

        A ValueError is a file that was cut short: its process ended.
        """
        reason = 'ended'
        if isinstance(error, OSError):
            reason = _REASON.get(error.errno or 0, 'other')
        if reason != 'ended' and not self.counts[reason]:
            LOG.warning(
                'Exporter failed to read a file (reason=%s): %s. %s Further '
                'failures for this reason are counted and not logged.',
                reason,
                error,
                _CURES[reason],
            )
        self.counts[reason] += 1
