"""Options that say where a server's role is read from, and whose it is.

The migrator and nova-scheduler each have the first, in their own group, and
must agree on them.
"""

from typing import Any

from oslo_config import cfg

from steal_scheduler.edge.option import Parsed, regex
from steal_scheduler.model.roles import RoleRule


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

#: For the migrator alone: the view tells nova-scheduler.
GROUPS = cfg.DictOpt(
    'project_groups',
    default={},
    help="""
Projects that have their roles in common: ``web`` in one and ``web`` in another
of the same group are one role. In all others each project has roles of its
own, for tenants name them as they like.

Possible values:

* Ids of projects, each with a name of its group, which you choose:
  ``9f1c2e:shop,77ab04:shop,5c0de1:bank``.
""",
)

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


def rule(conf: Any) -> RoleRule:
    """Where the migrator reads roles from."""
    return RoleRule(**{opt.name: conf.roles[opt.name] for opt in OPTS})
