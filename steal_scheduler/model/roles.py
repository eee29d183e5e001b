"""Which role a server plays: the same answer in the migrator and in Nova.

Servers of one role serve the same purpose (the web servers of one shop) and
peak at the same hour, so they should not share a host. A tenant gives his
servers what roles he likes, so a role is one of his project alone.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Literal

from steal_scheduler.edge.text import one_line

#: Characters of a role; the rest is not looked at.
LONGEST = 64


@dataclasses.dataclass(frozen=True, slots=True)
class RoleRule:
    """Where the role is read from; the first that says something wins.

    Names are those of the options.
    """

    #: Server metadata key; '' for none.
    role_metadata_key: str = 'role'
    #: Scheduler hint; '' for none.
    role_hint: str = ''
    #: On the server's name, its first group being the role; '' for none.
    role_name_pattern: re.Pattern[str] | Literal[''] = ''

    def role_of(
        self,
        metadata: Mapping[str, str] | None = None,
        name: str | None = None,
        hint: str | None = None,
    ) -> str | None:
        """The role, or None for a server that plays none.

        :param hint: the value of the scheduler hint, where it is known
        """
        role = (metadata or {}).get(self.role_metadata_key) or hint
        if not role and self.role_name_pattern and name:
            match = self.role_name_pattern.search(name)
            role = match.group(1) if match else None
        return one_line(role or '', LONGEST) or None


def role_key(
    role: str | None, project_id: str, project_groups: Mapping[str, str]
) -> str | None:
    """By which servers of one role are counted; None without a role.

    For example role web of project 9f1c is ``9f1c/web``, and where the
    operator put 9f1c and 77ab into the group shop, that of both is
    ``shop/web``.

    :param project_groups: groups by project id
    """
    if not role:
        return None
    return f'{project_groups.get(project_id, project_id)}/{role}'
