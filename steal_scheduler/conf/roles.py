"""Options that say where a server's role is read from.

The migrator and nova-scheduler each have them, in their own group, and must
agree on them.
"""

from typing import Any

from oslo_config import cfg

from steal_scheduler.edge.option import Parsed, regex


def _pattern(text: str) -> Any:
    pattern = regex(text)
    if pattern and not pattern.groups:
        raise ValueError(
            f'{text} has no group, so it finds no role: put brackets around '
            r'the role, as in ^(\w+)-\d+$'
        )
    return pattern


OPTS = [
    cfg.StrOpt(
        'role_metadata_key',
        default='role',
        help="""
Key of the server metadata that names the role of a server. Of two hosts with
equal steal, the one with fewer servers of the same role is preferred. The
migrator and every nova-scheduler must have the same value.

Possible values:

* A metadata key; empty: metadata is not looked at.
""",
    ),
    cfg.Opt(
        'role_name_pattern',
        type=Parsed('regular expression', _pattern),
        default='',
        help=r"""
What finds the role of a server in its name, where neither metadata nor hint
give it one. The migrator and every nova-scheduler must have the same value.

Possible values:

* A Python regular expression whose first group is the role: with
  ``^(\w+)-\d+$`` that of ``web-17`` is ``web``. Write ``$$`` for a ``$`` that
  a letter follows. Empty: names are not looked at.
""",
    ),
]

#: For nova.conf alone: Nova shows hints to nobody but its scheduler.
HINT = cfg.StrOpt(
    'role_hint',
    default='role',
    help="""
Name of the scheduler hint that names the role of a new server. Nova shows
hints to nobody but its scheduler, so set the same role as metadata as well:
else the server is not counted when the next one of its role is placed.

Possible values:

* The name of a hint (``openstack server create --hint role=web``); empty:
  hints are not looked at.
""",
)
