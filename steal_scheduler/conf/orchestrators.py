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
The kind of this orchestrator; unset: the one that the section is named after.

Possible values:

* ``command``, ``consul``, ``kubernetes``, ``noop``, ``octavia``, ``webhook``,
  or any plugin in the entry-point group ``steal_scheduler.orchestrators``.
""",
    ),
    cfg.BoolOpt(
        'all_servers',
        default=False,
        help="""
All servers belong to this orchestrator, unless ``roles``, ``projects`` or
``name_pattern`` restrict them. Else a server belongs to it by these options,
or by ``steal:orchestrator`` in its metadata.
""",
    ),
    cfg.ListOpt(
        'roles',
        default=[],
        help="""
Servers with one of these roles, as ``[roles]`` finds them, belong to this
orchestrator.
""",
    ),
    cfg.ListOpt(
        'projects',
        default=[],
        help="""
Only servers of projects with these ids may belong to this orchestrator,
whatever their metadata say; empty: servers of any project.
""",
    ),
    cfg.Opt(
        'name_pattern',
        type=Parsed('regular expression', regex),
        help="""
Servers in whose name in Nova this regular expression of Python is found belong
to this orchestrator. For names that begin with ``k8s-`` write ``^k8s-``.
""",
    ),
    cfg.Opt(
        'node_name',
        type=Parsed('text with {name} or {id}', _node_name),
        default='{name}',
        help="""
The name that a server has in this orchestrator, unless its metadata say
another: ``{name}`` is its name in Nova and ``{id}`` its id, for example in
``{name}.example.org``.
""",
    ),
]


def rule(conf: Any, name: str) -> Rule:
    """Which servers belong to the orchestrator of this section."""
    # The names of the fields are those of the options.
    said = {option.dest: conf[name][option.dest] for option in OPTS}
    del said['driver']
    return Rule(name, **said)
