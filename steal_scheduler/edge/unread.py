"""What configuration files say and nobody reads: a mistake in a name.

oslo.config passes over such options and sections without a word, and the
default counts: ``blackot = 09:00-17:00`` lets servers move at ten.
"""

import difflib
import glob
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib import metadata
from typing import Any

from oslo_config import cfg

#: Section -> option -> values, as a file has them.
Sections = Mapping[str, Mapping[str, list[str]]]
#: Options by section; None is [DEFAULT]. A section may come again.
Listed = Iterable[tuple[str | None, Iterable[Any]]]


def files(conf: cfg.ConfigOpts) -> Iterator[tuple[str, Sections]]:
    """The configuration files that were read, by path, and what they say.

    One that cannot be read any more is left out.
    """
    paths = [*conf.config_file]
    for directory in conf.config_dirs:
        pattern = os.path.join(os.path.expanduser(directory), '*.conf')
        paths += sorted(glob.glob(pattern))
    for path in paths:
        sections: dict[str, dict[str, list[str]]] = {}
        try:
            cfg.ConfigParser(os.path.expanduser(path), sections).parse()
        except (cfg.ParseError, OSError, ValueError):
            continue
        yield path, sections


def closed(name: str) -> Iterator[str]:
    """Directories of files into which this user may not look, one a line.

    oslo.config finds no file there, and the defaults count without a word.

    :param name: of the file NAME.conf that is looked for
    """
    for directory in '~/.steal-scheduler', '/etc/steal-scheduler':
        path = os.path.expanduser(directory)
        if os.path.isdir(path) and not os.access(path, os.X_OK):
            yield (
                f'This user may not look into {path}: if {name}.conf is '
                f'there, nothing of it counts. "chmod o+x {path}" lets it.'
            )


def of_libraries(*names: str) -> Listed:
    """All options of libraries, also those that are registered when used.

    :param names: in the entry-point group oslo.config.opts: ``oslo.log``
    """
    for name in names:
        for found in metadata.entry_points(
            group='oslo.config.opts', name=name
        ):
            yield from found.load()()


def unread(
    said: Iterable[tuple[str, Sections]],
    listed: Listed,
    cures: Mapping[str, str],
) -> list[str]:
    """One line for each section and option that nobody knows.

    For example '[limits] blackot in /etc/x.conf: there is no such option, so
    it is ignored. Did you mean blackout?' Values are not shown: one may be a
    password.

    :param said: see ``files``
    :param listed: what is known
    :param cures: what to do about an unknown section that has this option
    """
    known = _names(listed)
    found = []
    for path, sections in said:
        for section, options in sections.items():
            names = known.get(_normal(section))
            if names is None:
                cure = _close(_normal(section), known, '[{}]')
                cure = next((cures[o] for o in options if o in cures), cure)
                found.append(
                    f'[{section}] in {path}: there is no such section, so '
                    f'all of it is ignored. {cure or "Remove it."}'
                )
                continue
            for option in sorted(options.keys() - names):
                cure = _close(option, names, '{}')
                there = [s for s in known if option in known[s]]
                # Where one section has this very name, that is meant.
                if len(there) == 1:
                    cure = f'Did you mean that of [{there[0]}]?'
                found.append(
                    f'[{section}] {option} in {path}: there is no such '
                    f'option, so it is ignored. {cure or "Remove it."}'
                )
    return found


def _names(listed: Listed) -> dict[str, set[str]]:
    """What options are called in a file, and were once, by section."""
    names: dict[str, set[str]] = {}
    for group, options in listed:
        section = _normal(group or 'DEFAULT')
        here = names.setdefault(section, set())
        for option in options:
            here.add(option.dest)
            for old in option.deprecated_opts:
                where = names.setdefault(_normal(old.group or section), set())
                where.add(old.name or option.dest)
    return names


def _normal(section: str) -> str:
    """oslo.config does not tell [Nova] from [nova]."""
    return section if section == 'DEFAULT' else section.lower()


def _close(name: str, names: Collection[str], form: str) -> str:
    """A question whether the name that is most like it is meant, or ''."""
    close = difflib.get_close_matches(name, names, n=1)
    return f'Did you mean {form.format(close[0])}?' if close else ''
