"""``steal-status upgrade check``: may this version start here?"""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
import sys
import time
import types
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from steal_scheduler.conf import load
from steal_scheduler.exception import StealError
from steal_scheduler.migrator import build, preflight
from steal_scheduler.moves import tags

Code = upgradecheck.Code
Result = upgradecheck.Result


class Checks(upgradecheck.UpgradeCommands):
    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self._conf = conf

    def _configuration(self) -> Result:
        """Every option is right, and every plugin is installed."""
        try:
            build.build(self._conf)
        except StealError as error:
            return Result(Code.FAILURE, str(error))
        return Result(Code.SUCCESS)

    def _nova(self) -> Result:
        """Nova answers, is new enough, and lets us do our work."""
        try:
            preflight.check(build.build(self._conf), strict=True)
        except StealError as error:
            return Result(Code.FAILURE, str(error))
        return Result(Code.SUCCESS)

    def _tags(self) -> Result:
        """Every tag of ours is one that this version understands."""
        try:
            fleet = build.build(self._conf).nova_cache.refresh(time.time())
        except StealError as error:
            return Result(Code.FAILURE, str(error))
        strange = [
            server.server_id
            for server in fleet.servers.values()
            if tags.ours(server.tags) and tags.parse(server.tags) is None
        ]
        if strange:
            return Result(
                Code.WARNING,
                'Tags that this version does not know, on: '
                f'{", ".join(strange)}. See "steal-manage recover".',
            )
        return Result(Code.SUCCESS)

    def _orchestrators(self) -> Result:
        """Every orchestrator answers, and lets us see whom we took out.

        Those that keep no list of their own (noop, and command and webhook
        without ``lists_detached``) are not asked anything.
        """
        try:
            build.build(self._conf).dispatcher.detached()
        except StealError as error:
            return Result(Code.FAILURE, str(error))
        return Result(Code.SUCCESS)

    _upgrade_checks = (
        ('Configuration', _configuration),
        ('Nova', _nova),
        ('Orchestrators', _orchestrators),
        ('Tags', _tags),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """As upgradecheck's own, but with a version, and an error in one line.

    :returns: the worst code of the checks; 255 if they could not be begun
    """
    try:
        conf = load.load(
            sys.argv[1:] if argv is None else argv,
            'steal-status',
            also=lambda conf: upgradecheck.register_cli_options(
                conf, Checks(conf)
            ),
        )
    except StealError as error:
        print(f'steal-status: {error}', file=sys.stderr)
        return 255
    # NOTE: where it looks for --json, and finds the plugin's section of that
    # name instead once the checks have registered [command].
    parsed: Any = types.SimpleNamespace(command=conf.command)
    upgradecheck.CONF = parsed
    return upgradecheck.run(conf)


if __name__ == '__main__':
    sys.exit(main())
