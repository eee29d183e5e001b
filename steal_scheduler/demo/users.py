"""The people of the demo cloud, and how Keystone knows them."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

DOMAIN = {'id': 'default', 'name': 'Default'}


@dataclasses.dataclass(frozen=True)
class User:
    """One user, with roles in the one project they belong to."""

    name: str
    password: str
    project: str
    roles: tuple[str, ...]

    @property
    def id(self) -> str:
        """Keystone's id of the user: 32 hexadecimal digits."""
        return _hex('user', self.name)

    @property
    def project_id(self) -> str:
        """Keystone's id of the project: 32 hexadecimal digits."""
        return _hex('project', self.project)


# The operator, whose rights the migrator uses; and a tenant, who has none of
# them. The passwords may be known: the cloud listens on loopback only.
ADMIN = User('admin', 'admin-demo', 'service', ('admin', 'member', 'reader'))
ALICE = User('alice', 'alice-demo', 'shop', ('member', 'reader'))
USERS = (ADMIN, ALICE)


def authenticate(given: dict[str, Any]) -> User | None:
    """Who logs in with the ``password.user`` part of a request, if anyone.

    Raises KeyError if there is no password in it.
    """
    for user in USERS:
        if given['password'] != user.password:
            continue
        if given.get('id', user.id) != user.id:
            continue
        if given.get('name', user.name) == user.name:
            return user
    return None


def may_enter(user: User, project: dict[str, Any]) -> bool:
    """Whether the user has a role in the ``scope.project`` of a request."""
    return bool(
        project.get('id', user.project_id) == user.project_id
        and project.get('name', user.project) == user.project
    )


def listing(kind: str, name: str | None = None) -> list[dict[str, Any]]:
    """The ``users`` or ``projects`` (kind), all or those of one name."""
    if kind == 'users':
        known = {user.name: user.id for user in USERS}
    else:
        known = {user.project: user.project_id for user in USERS}
    return [
        {'id': id_, 'name': each, 'domain_id': DOMAIN['id'], 'enabled': True}
        for each, id_ in known.items()
        if name in (None, each)
    ]


def _hex(kind: str, name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_DNS, f'{name}.{kind}.demo').hex
