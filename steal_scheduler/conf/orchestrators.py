"""Options of every orchestrator's section, beside those of its driver."""

import re
import string
from typing import Any

from oslo_config import cfg

from steal_scheduler.exception import ConfigError
from steal_scheduler.model.assignment import Rule

OPTS = [
    cfg.StrOpt(
        'driver',
        help="""
What kind of orchestrator it is.

Possible values:

* ``command``, ``consul``, ``kubernetes``, ``noop``, ``octavia``, ``webhook``
* The name of any plugin in the entry-point group
  ``steal_scheduler.orchestrators``.
* Unset: the name of this section.
""",
    ),
    cfg.BoolOpt(
        'all_servers',
        default=False,
        help="""
Every server belongs to it, unless ``roles``, ``projects`` or ``name_pattern``
say less.

Possible values:

* ``False`` (default): a server belongs to it by these options, or because its
  metadata ``steal:orchestrator`` say so.
* ``True``
""",
    ),
    cfg.ListOpt(
        'roles',
        default=[],
        help="""
Servers of these roles belong to it.

Possible values:

* Roles, as ``[roles]`` finds them.
""",
    ),
    cfg.ListOpt(
        'projects',
        default=[],
        help="""
Only servers of these projects belong to it, whatever they say themselves.

Possible values:

* Ids of projects. Empty (default): of any.
""",
    ),
    cfg.StrOpt(
        'name_pattern',
        help="""
Servers whose name has this in it belong to it.

Possible values:

* A regular expression of Python: ``^k8s-`` for names that begin so.
""",
    ),
    cfg.StrOpt(
        'node_name',
        default='{name}',
        help="""
What a server is called there, unless its metadata say so.

Possible values:

* A text in which ``{name}`` is the server's name in Nova and ``{id}`` its id:
  ``{name}.example.org``.
""",
    ),
]


def rule(conf: Any, name: str) -> Rule:
    """Whom the orchestrator of this section is for.

    :raises ConfigError: a pattern or a template is none
    """
    options = conf[name]
    pattern = None
    if options.name_pattern:
        try:
            pattern = re.compile(options.name_pattern)
        except re.error as error:
            raise ConfigError(
                f'[{name}] name_pattern = {options.name_pattern!r}: {error}. '
                'Use a regular expression of Python.'
            ) from error
    try:
        fields = {
            f for _, f, _, _ in string.Formatter().parse(options.node_name)
        }
    except ValueError as error:
        fields = {str(error)}
    if not fields <= {None, 'name', 'id'} or fields == {None}:
        raise ConfigError(
            f'[{name}] node_name = {options.node_name!r}: use {{name}}, '
            '{{id}} or both, and no other braces.'
        )
    return Rule(
        orchestrator=name,
        all_servers=options.all_servers,
        roles=frozenset(options.roles),
        projects=frozenset(options.projects),
        name_pattern=pattern,
        node_name=options.node_name,
    )
