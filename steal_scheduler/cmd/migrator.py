"""``steal-migrator``: the service on the controllers."""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
import sys
import threading
from typing import Any

from oslo_log import log
from oslo_service import service

from steal_scheduler import startup
from steal_scheduler.conf import load
from steal_scheduler.exception import StealError
from steal_scheduler.migrator import build, guru, preflight
from steal_scheduler.migrator.service import Migrator

LOG = log.getLogger(__name__)

#: Of the 60 that oslo.service gives a worker to end.
_STOP_SECONDS = 50.0
#: Until a port is free, or the options are mended and SIGHUP has come.
_RETRY_SECONDS = 5.0


class MigratorService(service.ServiceBase):
    """The loop as an oslo.service: a parent, and one worker that forks."""

    def __init__(self, conf: Any) -> None:
        self._conf = conf
        self._migrator: Migrator | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """In the worker: also after SIGHUP, with the options read again."""
        self._thread = threading.Thread(
            target=self._run, name='tick', daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        """Tick; as long as that is not possible, say why and try again.

        NOTE: an option that SIGHUP made wrong must not end the worker, or
        the parent would start it over and over, and give up in the end.
        """
        said = ''
        while not self._stopping.is_set():
            try:
                built = build.build(self._conf)
                options = self._conf.migrator
                if options.metrics_port:
                    built.metrics.serve(
                        options.metrics_host, options.metrics_port
                    )
            except StealError as error:
                if str(error) != said:
                    said = str(error)
                    LOG.critical('Migrator suspended: %s', said)
                self._stopping.wait(_RETRY_SECONDS)
                continue
            except Exception:
                # A plugin's mistake; silence would be the worst answer.
                LOG.exception('Migrator suspended: it could not be built.')
                self._stopping.wait(_RETRY_SECONDS)
                continue
            self._migrator = Migrator(built)
            guru.show_moves_of(self._migrator)
            if not self._stopping.is_set():
                self._migrator.run()

    def stop(self) -> None:
        """End after the present tick, if that is soon.

        The worker exits when this returns, whatever its threads do. What a
        tick leaves half done then goes on later.
        """
        self._stopping.set()
        if self._migrator is not None:
            self._migrator.stop()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def wait(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def reset(self) -> None:
        """Never called: SIGHUP makes oslo.service replace the worker."""


def main() -> int:
    conf = None
    try:
        conf = load.load(sys.argv[1:], 'steal-migrator')
        startup.set_up_log(conf)
        guru.enable(conf)
        # In the parent, so that a wrong option ends the start, not a worker.
        preflight.check(build.build(conf))
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
