"""``steal-status upgrade check``: may this version start here?"""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from steal_scheduler import startup
from steal_scheduler.cmd import config_warnings
from steal_scheduler.cmd.launch import NOT_CHECKED
from steal_scheduler.conf import load
from steal_scheduler.exception import StealError
from steal_scheduler.migrator import build, checks

Code = upgradecheck.Code
Result = upgradecheck.Result


class Checks(upgradecheck.UpgradeCommands):
    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self._conf = conf
        self._upgrade_checks = (
            ('Configuration', Checks._configuration),
            *(
                (name, (Checks._check, {'check': check}))
                for name, check in checks.CHECKS.items()
            ),
        )

    def _configuration(self) -> Result:
        """Every option is right, known and meant; each plug-in installed."""
        try:
            build.build(self._conf)
        except StealError as error:
            # One of them may be why.
            lines = [str(error), *config_warnings.misspelt(self._conf)]
            return Result(Code.FAILURE, '\n'.join(lines))
        if lines := config_warnings.warnings(self._conf):
            return Result(Code.WARNING, '\n'.join(lines))
        return Result(Code.SUCCESS)

    def _check(
        self, check: Callable[[build.Components], str | None]
    ) -> Result:
        """Build all parts anew: no check hangs on what another one left."""
        try:
            built = build.build(self._conf)
        except StealError:
            return Result(Code.FAILURE, 'Not checked: see Configuration.')
        try:
            warning = check(built)
        except StealError as error:
            return Result(Code.FAILURE, str(error))
        if warning is None:
            return Result(Code.SUCCESS)
        return Result(Code.WARNING, warning)


def _register(conf: Any) -> None:
    load.register(conf)
    upgradecheck.register_cli_options(conf, Checks(conf))


def main(argv: Sequence[str] | None = None) -> int:
    """As upgradecheck's own, but with a version, and an error in one line.

    :returns: the worst code of the checks; 255 if they could not be begun,
        also after a wrong argument: 1 and 2 are codes of checks
    """
    try:
        conf = load.load(
            sys.argv[1:] if argv is None else argv,
            'steal-status',
            declare=_register,
        )
    except StealError as error:
        print(f'steal-status: {error}', file=sys.stderr)
        return NOT_CHECKED
    except SystemExit as ended:
        return NOT_CHECKED if ended.code else 0
    # NOTE: where it looks for --json, and finds the plugin's section of that
    # name instead once the checks have registered [command].
    parsed: Any = types.SimpleNamespace(command=conf.command)
    upgradecheck.CONF = parsed
    startup.hush()
    return upgradecheck.run(conf)


if __name__ == '__main__':
    sys.exit(main())
