"""``steal-migrator`` in haste, where Nova and libvirt have their own pace."""

from tests.integration import haste

# isort: split
import sys

from steal_scheduler.cmd import migrator
from steal_scheduler.model import cloud

#: What Nova needs to begin a migration, and to say what has become of it.
_PATIENT = ('REQUEST_TIMEOUT', 'QUEUE_TIMEOUT', 'SETTLES')

if __name__ == '__main__':
    haste.hurry(_PATIENT)
    # Of one that goes on Nova tells each five.
    cloud.LEFT_OVER = 30.0
    sys.exit(migrator.main())
