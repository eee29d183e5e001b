"""``steal-migrator``: the service on the controllers."""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
import sys
import threading
from typing import Any

from oslo_log import log
from oslo_service import service

from steal_scheduler import checks, guru, parts
from steal_scheduler.conf import load
from steal_scheduler.exception import StealError
from steal_scheduler.service import Migrator

LOG = log.getLogger(__name__)


class MigratorService(service.ServiceBase):  # type: ignore[misc]
    """The loop as an oslo.service: a parent, and one worker that forks."""

    def __init__(self, conf: Any) -> None:
        self._conf = conf
        self._migrator: Migrator | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """In the worker: also after SIGHUP, with the options read again."""
        built = parts.build(self._conf)
        built.open()
        self._migrator = Migrator(built)
        guru.show_moves_of(self._migrator)
        self._thread = threading.Thread(
            target=self._migrator.run, name='tick', daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        if self._migrator is not None:
            self._migrator.stop()

    def wait(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def reset(self) -> None:
        """Never called: SIGHUP makes oslo.service replace the worker."""


def main() -> int:
    conf = None
    try:
        conf = load.load(sys.argv[1:], 'steal-migrator')
        log.setup(conf, load.PROJECT)
        guru.enable(conf)
        # In the parent, so that a wrong option ends the start, not a worker.
        checks.check(parts.build(conf))
    except StealError as error:
        if conf is not None:
            LOG.critical('%s', error)
        print(f'steal-migrator: {error}', file=sys.stderr)
        return 1
    service.launch(
        conf, MigratorService(conf), workers=1, restart_method='reload'
    ).wait()
    return 0


if __name__ == '__main__':
    sys.exit(main())
