"""The guru meditation report: SIGUSR2 to the worker writes it to stderr."""

import time
import types
from typing import Any

from oslo_reports import guru_meditation_report as gmr
from oslo_reports import opts
from oslo_reports.generators import conf as conf_generator
from oslo_reports.models import base

from steal_scheduler import version
from steal_scheduler.migrator.service import Migrator
from steal_scheduler.reporting import text

#: What oslo.reports asks of a version.
_VERSION = types.SimpleNamespace(
    vendor_string=lambda: 'steal-scheduler',
    product_string=lambda: 'steal-migrator',
    version_string_with_package=version.version_string,
)


def enable(conf: Any) -> None:
    """Answer SIGUSR2; call it in the main thread, before workers fork."""
    opts.set_defaults(conf)
    # oslo.reports itself shows the global configuration, which is empty.
    gmr.TextGuruMeditation.register_section(
        'Configuration of steal-migrator',
        conf_generator.ConfigReportGenerator(conf),
    )
    gmr.TextGuruMeditation.setup_autorun(_VERSION, conf=conf)


def show_moves_of(migrator: Migrator) -> None:
    """Add the moves in flight to the report."""

    def moves() -> base.ReportModel:
        items = text.moves_in_flight(migrator.moves.values(), time.time())
        lines = text.block_text('moves_in_flight', items)
        return base.ReportModel({}, lambda model: '\n'.join(lines))

    gmr.TextGuruMeditation.register_section('Moves in flight', moves)
