"""Signal sources and orchestrators, found by name through entry points."""

from typing import Any

import stevedore
import stevedore.exception
from oslo_config import cfg

from steal_scheduler.conf import opts, orchestrators, signals, values
from steal_scheduler.exception import ConfigError
from steal_scheduler.orchestrators.dispatcher import Dispatcher
from steal_scheduler.signals.base import SignalSource

SIGNALS = 'steal_scheduler.signals'
ORCHESTRATORS = 'steal_scheduler.orchestrators'


def signal_source(conf: Any) -> SignalSource:
    """The source named by ``[signals] source``.

    :raises ConfigError: there is none of that name, or it cannot be built
    """
    source: SignalSource = _load(
        conf, SIGNALS, '[signals] source', conf.signals.source
    )
    return source


def dispatcher(conf: Any) -> Dispatcher:
    """Those that ``[migrator] orchestrators`` names, as one.

    :raises ConfigError: one cannot be built, or two have the same name
    """
    names = conf.migrator.orchestrators
    built = {}
    for name in names:
        if name in built or _is_taken(conf, name):
            raise ConfigError(
                f'[migrator] orchestrators = {", ".join(names)}: {name!r} '
                'stands twice, or is the name of another section. Use '
                'another one.'
            )
        conf.register_opts(orchestrators.OPTS, group=name)
        driver = conf[name].driver or name
        option = f'[{name}] driver'
        built[name] = _load(conf, ORCHESTRATORS, option, driver, name)
    return Dispatcher(
        built, [orchestrators.rule(conf, name) for name in names]
    )


def _is_taken(conf: Any, name: str) -> bool:
    """Whether the section is not an orchestrator's.

    NOTE: the upgrade check has an *option* called command, of no section.
    """
    if name not in conf:
        return False
    section = conf[name]
    is_section = isinstance(section, cfg.ConfigOpts.GroupAttr)
    return is_section and 'driver' not in section


def list_opts() -> list[tuple[str, list[Any]]]:
    """The options of steal-migrator.conf.

    Those of a plugin stand in a group of its name: those of a source after
    ``[signals]``, which chooses it, those of an orchestrator at the end.
    """
    ours = opts.list_opts()
    sources = 1 + [group for group, _ in ours].index(signals.GROUP)
    return [
        *ours[:sources],
        *(
            (extension.name, list(extension.plugin.OPTS))
            for extension in _installed(SIGNALS)
            if extension.plugin.OPTS
        ),
        *ours[sources:],
        *(
            (extension.name, [*orchestrators.OPTS, *extension.plugin.OPTS])
            for extension in _installed(ORCHESTRATORS)
        ),
    ]


def _installed(namespace: str) -> Any:
    return stevedore.ExtensionManager(namespace)


def _load(
    conf: Any, namespace: str, option: str, name: str, section: str = ''
) -> Any:
    """Build a plugin.

    :param section: of an orchestrator; a source's is named as it is
    """
    installed = sorted(_installed(namespace).names())
    if name not in installed:
        raise ConfigError(
            f'{option} = {name!r} is not installed: choose one of '
            f'{", ".join(installed)}.'
        )
    plugin: Any = stevedore.DriverManager(namespace, name).driver
    conf.register_opts(plugin.OPTS, group=section or name)
    values.check_values(conf)
    return plugin(conf, section) if section else plugin(conf)
