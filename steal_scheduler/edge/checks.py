"""What options of every edge are checked for."""

import re
import string
import urllib.parse
from typing import Any

from steal_scheduler.exception import ConfigError


def http_url(text: str | None) -> urllib.parse.SplitResult | None:
    """The parts of an http:// or https:// URL; None where it is none.

    One with a user and a password is none: it would stand in every log line
    about it. Nor is one that http.client would not send as it is: what is
    printable ASCII without spaces and backslashes.
    """
    if not re.fullmatch(r'[!-\[\]-~]+', text or ''):
        return None
    try:
        parts = urllib.parse.urlsplit(text or '')
        good = (
            parts.scheme in ('http', 'https')
            and parts.hostname
            and parts.port != 0
            and parts.username is None
            and not parts.fragment
        )
    except ValueError:
        return None
    return parts if good else None


def without_password(url: str) -> str:
    """The URL as it may be shown: ``redis://***@HOST:6379``."""
    return re.sub('//.*@', '//***@', url)


def missing_section(conf: Any, name: str) -> str:
    """', as there is no section [name]', or '' where there is one."""
    # oslo.config does not tell [Nova] from [nova].
    found = {section.lower() for section in conf.list_all_sections()}
    there = name.lower() in found
    return '' if there else f', as there is no section [{name}]'


def fields_of(template: str | None) -> set[str]:
    """The names in braces: of ``{name}-{id}.example.org`` name and id.

    What else stands in braces is a name that nobody knows: ``{name!r}`` is
    of no use for a name, and ``{node.__class__}`` of a bad one.
    """
    try:
        parsed = list(string.Formatter().parse(template or ''))
    except ValueError as error:
        return {str(error)}
    return {
        f'{name}{conversion or ""}{spec or ""}'
        for _, name, spec, conversion in parsed
        if name is not None
    }


def check_trust(section: str, options: Any) -> None:
    """:raises ConfigError: certificates are to be verified, and not to be"""
    if options.insecure and options.cafile:
        raise ConfigError(
            f'[{section}] insecure = True and cafile = {options.cafile} '
            'exclude each other. Unset one.'
        )
