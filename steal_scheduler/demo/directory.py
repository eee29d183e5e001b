"""What can be listed of the demo's Keystone: users, projects, roles, ..."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steal_scheduler.demo import catalog, users

Entry = dict[str, Any]


def collections(url: str) -> dict[str, list[Entry]]:
    """Every collection of the cloud at url, by its name in Keystone's API."""
    domain = {'domain_id': users.DOMAIN['id'], 'enabled': True}
    projects = {user.project: user.project_id for user in users.USERS}
    roles = sorted({role for user in users.USERS for role in user.roles})
    services = catalog.catalog(url)
    return {
        'domains': [users.DOMAIN | {'enabled': True, 'description': ''}],
        'regions': [
            {'id': catalog.REGION, 'description': '', 'parent_region_id': None}
        ],
        'projects': [
            {'id': id_, 'name': name, 'description': '', 'is_domain': False}
            | domain
            for name, id_ in projects.items()
        ],
        'users': [
            {'id': user.id, 'name': user.name} | domain for user in users.USERS
        ],
        'roles': [
            {'id': role, 'name': role, 'domain_id': None} for role in roles
        ],
        'role_assignments': [
            _assignment(user, role, name, id_)
            for user in users.USERS
            for role in user.roles
            for name, id_ in projects.items()
            if name == user.project or 'admin' in user.roles
        ],
        'services': [
            {key: service[key] for key in ('id', 'type', 'name')}
            | {'enabled': True, 'description': ''}
            for service in services
        ],
        'endpoints': [
            endpoint | {'service_id': service['id'], 'enabled': True}
            for service in services
            for endpoint in service['endpoints']
        ],
    }


def select(entries: list[Entry], query: Mapping[str, str]) -> list[Entry]:
    """Those that a query selects; ``scope.project.id`` looks into them."""
    return [
        e for e in entries if all(_fits(e, *pair) for pair in query.items())
    ]


def _fits(entry: Entry, key: str, wanted: str) -> bool:
    value: Any = entry
    for part in key.split('.'):
        value = value.get(part) if isinstance(value, dict) else None
    # What is no text here, such as ``enabled``, is the same for all.
    return not isinstance(value, str) or value == wanted


def _assignment(
    user: users.User, role: str, project: str, project_id: str
) -> Entry:
    domain = {'domain': users.DOMAIN}
    scope = {'id': project_id, 'name': project} | domain
    return {
        'role': {'id': role, 'name': role},
        'user': {'id': user.id, 'name': user.name} | domain,
        'scope': {'project': scope},
        'links': {},
    }
