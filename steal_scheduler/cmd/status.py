"""``steal-status upgrade check``: may this version start here?"""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
import functools
import sys
import time
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from steal_scheduler.cmd.launch import NOT_CHECKED
from steal_scheduler.conf import load
from steal_scheduler.exception import StealError
from steal_scheduler.migrator import build, preflight
from steal_scheduler.moves import tags

Code = upgradecheck.Code
Result = upgradecheck.Result


def _tags(built: build.Components) -> str | None:
    """Name servers with a tag that none of our keys has signed."""
    servers = built.nova_cache.refresh(time.time()).servers.values()
    strange = [
        server.server_id
        for server in servers
        if tags.ours(server.tags) and not built.effects.signer.read(server)
    ]
    if not strange:
        return None
    return (
        'Tags that none of [migrator] tag_keys has signed, on: '
        f'{", ".join(strange)}. The leader removes them, one after the other.'
    )


def _orchestrators(built: build.Components) -> None:
    """Every one answers, and lets us see whom we took out.

    Those that keep no list of their own (noop, and command and webhook
    without ``lists_detached``) are not asked anything.
    """
    built.dispatcher.detached()


#: What has to be right, by name: it raises what is wrong, and returns what a
#: person should look at.
CHECKS: Mapping[str, Callable[[build.Components], object]] = {
    # Every option is right, and every plugin is installed.
    'Configuration': lambda built: None,
    # Nova answers, is new enough, and lets us do our work.
    'Nova': functools.partial(preflight.check, strict=True),
    'Orchestrators': _orchestrators,
    'Tags': _tags,
}


class Checks(upgradecheck.UpgradeCommands):
    def __init__(self, conf: cfg.ConfigOpts) -> None:
        super().__init__()
        self._conf = conf
        self._upgrade_checks = tuple(
            (name, (Checks._check, {'check': check}))
            for name, check in CHECKS.items()
        )

    def _check(self, check: Callable[[build.Components], object]) -> Result:
        """Build all parts anew: no check hangs on what another one left."""
        try:
            warning = check(build.build(self._conf))
        except StealError as error:
            return Result(Code.FAILURE, str(error))
        if warning is None:
            return Result(Code.SUCCESS)
        return Result(Code.WARNING, str(warning))


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
    return upgradecheck.run(conf)


if __name__ == '__main__':
    sys.exit(main())
