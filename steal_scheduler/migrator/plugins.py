"""Signal sources and orchestrators, found by name through entry points."""

from typing import Any

import stevedore
from oslo_config import cfg

from steal_scheduler import startup
from steal_scheduler.conf import load
from steal_scheduler.conf import orchestrators as section
from steal_scheduler.edge import checks
from steal_scheduler.exception import ConfigError
from steal_scheduler.model.assignment import Rule
from steal_scheduler.orchestrators.base import Orchestrator
from steal_scheduler.signals.base import SignalSource

SIGNALS = 'steal_scheduler.signals'
ORCHESTRATORS = 'steal_scheduler.orchestrators'


def signal_source(conf: Any) -> SignalSource:
    """The source named by ``[signals] source``.

    :raises ConfigError: there is none of that name, or it cannot be built
    """
    name = conf.signals.source
    plugin = _plugin(SIGNALS, name, f'[signals] source = {name!r}')
    _register(conf, plugin, name)
    source: SignalSource = plugin(conf)
    return source


def orchestrators(conf: Any) -> tuple[dict[str, Orchestrator], list[Rule]]:
    """Those that ``[migrator] orchestrators`` names, each with its rule.

    :raises ConfigError: one cannot be built, or two have the same name
    """
    names = conf.migrator.orchestrators
    built: dict[str, Orchestrator] = {}
    for name in names:
        if name in built or _is_taken(conf, name):
            raise ConfigError(
                f'[migrator] orchestrators = {", ".join(names)}: {name!r} '
                'stands twice, or is the name of another section. Use '
                'another one.'
            )
        conf.register_opts(section.OPTS, group=name)
        startup.check_values(conf)
        driver = conf[name].driver or name
        option = f'[{name}] driver = {driver!r}'
        if not conf[name].driver:
            option = (
                f'[migrator] orchestrators = {", ".join(names)}: [{name}] '
                f'driver is not set{checks.missing_section(conf, name)}, and '
                f'{name!r} as a driver'
            )
        plugin = _plugin(ORCHESTRATORS, driver, option)
        _register(conf, plugin, name)
        built[name] = plugin(conf, name)
    return built, [section.rule(conf, name) for name in names]


def _is_taken(conf: Any, name: str) -> bool:
    """Whether the section is not an orchestrator's.

    NOTE: the upgrade check has an *option* called command, of no section.
    Options of a signal source and of oslo.messaging are registered later.
    """
    if name == 'DEFAULT' or name.startswith('oslo_'):
        return True
    if name in installed(SIGNALS):
        return True
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
    listed = []
    for group, options in load.list_opts():
        listed.append((group, options))
        if group == 'signals':
            listed += [
                (found.name, [*found.plugin.OPTS])
                for found in installed(SIGNALS)
                if found.plugin.OPTS
            ]
    return listed + [
        (found.name, [*section.OPTS, *found.plugin.OPTS])
        for found in installed(ORCHESTRATORS)
    ]


def installed(namespace: str) -> Any:
    """stevedore's extensions of an entry-point group, by name."""
    return stevedore.ExtensionManager(namespace)


def _plugin(namespace: str, name: str, option: str) -> Any:
    """The class of this name.

    :param option: that names it, as the operator is told
    """
    found = installed(namespace)
    if name not in found:
        names = ', '.join(sorted(found.names()))
        raise ConfigError(f'{option} is not installed. Give one of {names}.')
    return found[name].plugin


def _register(conf: Any, plugin: Any, section: str) -> None:
    """Let a section have the options of its plugin."""
    try:
        conf.register_opts(plugin.OPTS, group=section)
    except cfg.DuplicateOptError as error:
        raise ConfigError(
            f'[{section}] {error.opt_name} would say two things, since '
            f'another option names the section {section!r} too. Give each a '
            'section of its own.'
        ) from error
    startup.check_values(conf)
