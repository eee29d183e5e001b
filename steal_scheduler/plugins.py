"""Signal sources and orchestrators, found by name through entry points."""

from typing import Any

import stevedore
import stevedore.exception

from steal_scheduler.conf import values
from steal_scheduler.exception import ConfigError
from steal_scheduler.orchestrators.base import Orchestrator
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


def orchestrator(conf: Any) -> Orchestrator:
    """The orchestrator named by ``[migrator] orchestrator``.

    :raises ConfigError: there is none of that name, or it cannot be built
    """
    loaded: Orchestrator = _load(
        conf,
        ORCHESTRATORS,
        '[migrator] orchestrator',
        conf.migrator.orchestrator,
    )
    return loaded


def list_opts() -> list[tuple[str, list[Any]]]:
    """The options of every installed plugin, in a group of its name."""
    return [
        (extension.name, list(extension.plugin.OPTS))
        for namespace in (SIGNALS, ORCHESTRATORS)
        for extension in _installed(namespace)
        if extension.plugin.OPTS
    ]


def _installed(namespace: str) -> Any:
    return stevedore.ExtensionManager(namespace)


def _load(conf: Any, namespace: str, option: str, name: str) -> Any:
    installed = sorted(_installed(namespace).names())
    if name not in installed:
        raise ConfigError(
            f'{option} = {name!r} is not installed: choose one of '
            f'{", ".join(installed)}.'
        )
    plugin: Any = stevedore.DriverManager(namespace, name).driver
    conf.register_opts(plugin.OPTS, group=name)
    values.judge(conf)
    return plugin(conf)
