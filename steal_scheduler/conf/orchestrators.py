"""Options of every orchestrator's section, beside those of its driver."""

from typing import Any

from oslo_config import cfg

from steal_scheduler.edge.checks import fields_of
from steal_scheduler.edge.option import Parsed, regex
from steal_scheduler.model.assignment import Rule


def _node_name(text: str) -> str:
    fields = fields_of(text)
    if not fields or not fields <= {'name', 'id'}:
        raise ValueError('use {name}, {id} or both, and no other braces')
    return text


OPTS = [
    cfg.StrOpt(
        'driver',
        help="""
The kind of this orchestrator.

Possible values:

* ``command``, ``consul``, ``kubernetes``, ``noop``, ``octavia``, ``webhook``
* The name of any plugin in the entry-point group
  ``steal_scheduler.orchestrators``.
* Unset (default): the name of this section.
""",
    ),
    cfg.BoolOpt(
        'all_servers',
        default=False,
        help="""
All servers belong to this orchestrator, unless ``roles``, ``projects`` or
``name_pattern`` restrict them.

Possible values:

* ``False`` (default): a server belongs to it by these options, or by
  ``steal:orchestrator`` in its metadata.
* ``True``
""",
    ),
    cfg.ListOpt(
        'roles',
        default=[],
        help="""
Servers with one of these roles belong to this orchestrator.

Possible values:

* Roles, as ``[roles]`` finds them.
* Empty (default): the role of a server does not matter.
""",
    ),
    cfg.ListOpt(
        'projects',
        default=[],
        help="""
Only servers of these projects may belong to this orchestrator, whatever their
metadata say.

Possible values:

* Ids of projects.
* Empty (default): servers of any project.
""",
    ),
    cfg.Opt(
        'name_pattern',
        type=Parsed('regular expression', regex),
        help="""
Servers whose name in Nova matches this pattern belong to this orchestrator.

Possible values:

* A regular expression of Python, found anywhere in the name. For names that
  begin with ``k8s-`` write ``^k8s-``.
* Unset (default): the name of a server does not matter.
""",
    ),
    cfg.Opt(
        'node_name',
        type=Parsed('text with {name} or {id}', _node_name),
        default='{name}',
        help="""
The name that a server has in this orchestrator, unless its metadata say
another.

Possible values:

* A text in which ``{name}`` is the server's name in Nova and ``{id}`` its id:
  ``{name}.example.org``.
""",
    ),
]


def rule(conf: Any, name: str) -> Rule:
    """Which servers belong to the orchestrator of this section."""
    options = conf[name]
    return Rule(
        orchestrator=name,
        all_servers=options.all_servers,
        roles=frozenset(options.roles),
        projects=frozenset(options.projects),
        name_pattern=options.name_pattern or None,
        node_name=options.node_name,
    )
