"""The people of the demo cloud, and how Keystone knows them."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

DOMAIN = {'id': 'default', 'name': 'Default'}


@dataclasses.dataclass(frozen=True)
class User:
    """One user, with roles in one project."""

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


# The operator, whose rights the migrator uses; and tenants, who have none of
# them. The passwords may be known: the cloud listens on loopback only.
ADMIN = User('admin', 'admin-demo', 'admin', ('admin', 'member', 'reader'))
ALICE = User('alice', 'alice-demo', 'books', ('member', 'reader'))
BOB = User('bob', 'bob-demo', 'shoes', ('member', 'reader'))
CAROL = User('carol', 'carol-demo', 'music', ('member', 'reader'))
DAVE = User('dave', 'dave-demo', 'office', ('member', 'reader'))
USERS = (ADMIN, ALICE, BOB, CAROL, DAVE)


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


def enter(user: User, project: dict[str, Any]) -> User | None:
    """The user in the ``scope.project`` of a request, if they may be there.

    Without a scope it is the project they are in. An admin has the same
    roles in every project.
    """
    if not project:
        return user
    for home in USERS if 'admin' in user.roles else (user,):
        if project.get('id', home.project_id) != home.project_id:
            continue
        if project.get('name', home.project) == home.project:
            return dataclasses.replace(user, project=home.project)
    return None


def _hex(kind: str, name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_DNS, f'{name}.{kind}.demo').hex
