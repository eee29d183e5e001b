"""What is hardly meant in a configuration that can be used all the same."""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
import collections
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from keystoneauth1 import exceptions, loading

from steal_scheduler.conf import combinations, orchestrators
from steal_scheduler.edge.unread import (
    Listed,
    Sections,
    files,
    of_libraries,
    unread,
)
from steal_scheduler.migrator import plugins

#: What to do about a section that nobody reads, if it has this option.
_CURES = {'driver': 'Name it in [migrator] orchestrators, or remove it.'}


def warnings(conf: Any) -> list[str]:
    """One line for each thing.

    :param conf: with the options of all plugins that are in use
    """
    return [*misspelt(conf), *combinations.unlikely(conf)]


def misspelt(conf: Any) -> list[str]:
    """One line for each option and section that nobody reads.

    :param conf: may have mistakes that prevent a start: one in the name of a
        section may be why
    """
    said = [*files(conf)]
    return unread(said, _listed(said), _CURES)


def _listed(said: Iterable[tuple[str, Sections]]) -> Listed:
    """All options that such files may have.

    They are the same before and after plugins and libraries have registered
    theirs.
    """
    yield from plugins.list_opts()
    yield from of_libraries(
        'oslo.log', 'oslo.messaging', 'oslo.reports', 'oslo.service.service'
    )
    merged: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for _, sections in said:
        for section, options in sections.items():
            last = {option: values[-1] for option, values in options.items()}
            merged[section.lower()] |= last
    for section, values in merged.items():
        yield from _login(section, values)
    for name in merged['migrator'].get('orchestrators', '').split(','):
        if section := name.strip():
            yield from _orchestrator(section, merged[section.lower()])


def _login(section: str, values: Mapping[str, str]) -> Listed:
    """What keystoneauth reads in whatever section has a log-in."""
    if kind := values.get('auth_type'):
        yield section, loading.get_session_conf_options()
        yield section, loading.get_auth_common_conf_options()
        yield section, loading.get_adapter_conf_options()
        with contextlib.suppress(exceptions.NoMatchingPlugin):
            yield section, loading.get_auth_plugin_conf_options(kind)


def _orchestrator(section: str, values: Mapping[str, str]) -> Listed:
    yield section, orchestrators.OPTS
    driver = values.get('driver') or section
    for found in plugins.installed(plugins.ORCHESTRATORS):
        if found.name == driver:
            yield section, found.plugin.OPTS
