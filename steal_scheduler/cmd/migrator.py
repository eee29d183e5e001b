"""``steal-migrator``: the service on the controllers."""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
import os
import sys
import threading
import time
import types
from typing import Any

from oslo_config import cfg
from oslo_log import log
from oslo_reports import guru_meditation_report as gmr
from oslo_reports import opts as report_opts
from oslo_reports.generators import conf as conf_generator
from oslo_reports.models import base
from oslo_service import service

from steal_scheduler import startup, version
from steal_scheduler.cmd import config_warnings
from steal_scheduler.conf import load
from steal_scheduler.edge import metrics
from steal_scheduler.exception import ConfigError, StealError
from steal_scheduler.migrator import build, preflight
from steal_scheduler.migrator.service import Migrator
from steal_scheduler.reporting import text

LOG = log.getLogger(__name__)

#: Of the 60 that oslo.service gives a worker to end.
_STOP_SECONDS = 50.0
#: Until a port is free, for example.
_RETRY_SECONDS = 5.0


class Options(cfg.ConfigOpts):
    """Options that SIGHUP reads again if all of them are right."""

    def reload_config_files(self) -> bool:
        """Whether they count from now on, else those of before go on.

        In the parent, before it replaces its worker: servers may be drained
        now, and a worker that cannot start would not reattach them.
        """
        fault = None
        try:
            build.build(_load())
        except StealError as error:
            fault = error
        if fault is None:
            done: bool = super().reload_config_files()
            return done
        # NOTE: inside the handler oslo.log would say it twice.
        LOG.critical(
            'The configuration was not read again, and what it was before '
            'counts: %s',
            fault,
        )
        return False


def _register(conf: cfg.ConfigOpts) -> None:
    load.register(conf)
    # oslo.service reads them before a value was looked at.
    for group, options in service.list_opts():
        conf.register_opts(options, group=group)


def _load() -> cfg.ConfigOpts:
    """The configuration, as it is in the files now.

    :raises ConfigError: a file cannot be read
    """
    return load.load(sys.argv[1:], 'steal-migrator', _register, Options)


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

        NOTE: that must not end the worker, or the parent would start it over
        and over, and give up in the end.
        """
        said = ''
        while not self._stopping.is_set():
            try:
                built = build.build(self._conf)
                if self._conf.migrator.metrics_port:
                    registry = built.metrics.registry
                    metrics.serve(registry, self._conf, 'migrator', 'metrics')
            except StealError as error:
                if str(error) != said:
                    said = str(error)
                    LOG.critical('Migrator suspended: %s', said)
            except Exception:
                # A plugin's mistake; silence would be the worst answer.
                LOG.exception('Migrator suspended: it could not be built.')
            else:
                for line in config_warnings.warnings(self._conf):
                    LOG.warning('%s', line)
                self._migrator = Migrator(built)
                report_moves_of(self._migrator)
                if not self._stopping.is_set():
                    self._migrator.run()
            self._stopping.wait(_RETRY_SECONDS)

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


#: What oslo.reports asks of a version.
_VERSION = types.SimpleNamespace(
    vendor_string=lambda: 'steal-scheduler',
    product_string=lambda: 'steal-migrator',
    version_string_with_package=version.version_string,
)


def enable_report(conf: Any) -> None:
    """Have SIGUSR2 to the worker write a guru meditation report to stderr.

    In the main thread, before workers fork.
    """
    report_opts.set_defaults(conf)
    # oslo.reports itself shows the global configuration, which is empty.
    gmr.TextGuruMeditation.register_section(
        'Configuration of steal-migrator',
        conf_generator.ConfigReportGenerator(conf),
    )
    gmr.TextGuruMeditation.setup_autorun(_VERSION, conf=conf)


def report_moves_of(migrator: Migrator) -> None:
    """Add the moves in flight to the report."""

    def moves() -> base.ReportModel:
        items = text.moves_in_flight(migrator.moves.values(), time.time())
        lines = text.block_text('moves_in_flight', items)
        return base.ReportModel({}, lambda model: '\n'.join(lines))

    gmr.TextGuruMeditation.register_section('Moves in flight', moves)


def main() -> int:
    """Run until it is told to stop.

    :returns: 78, EX_CONFIG, where a restart does not help
    """
    # In the parent: its workers do as it does.
    startup.collect_rarely()
    conf = fault = None
    try:
        conf = _load()
        startup.set_up_log(conf)
        enable_report(conf)
        # In the parent, so that a wrong option ends the start, not a worker.
        preflight.check(build.build(conf))
    except StealError as error:
        fault = error
    if fault is not None:
        if conf is not None:
            # One of them may be why.
            for line in config_warnings.misspelt(conf):
                LOG.warning('%s', line)
            LOG.critical('%s', fault)
        print(f'steal-migrator: {fault}', file=sys.stderr)
        return os.EX_CONFIG if isinstance(fault, ConfigError) else 1
    service.launch(
        conf, MigratorService(conf), workers=1, restart_method='reload'
    ).wait()
    return 0


if __name__ == '__main__':
    sys.exit(main())
