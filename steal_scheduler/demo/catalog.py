"""What Keystone tells of itself, of a user's token and of the endpoints."""

from __future__ import annotations

import datetime
from typing import Any

from steal_scheduler.demo import users

REGION = 'demo'
# type -> (name, path below the cloud's URL)
SERVICES = {
    'identity': ('keystone', '/identity/v3'),
    'compute': ('nova', '/compute/v2.1'),
    'placement': ('placement', '/placement'),
    'image': ('glance', '/image'),
    'network': ('neutron', '/network'),
}
_LIFETIME = datetime.timedelta(days=1)


def version(url: str) -> dict[str, Any]:
    """The one version of the identity API of the cloud at url."""
    href = url + SERVICES['identity'][1] + '/'
    return {
        'id': 'v3.14',
        'status': 'stable',
        'links': [{'rel': 'self', 'href': href}],
    }


def catalog(url: str) -> list[dict[str, Any]]:
    """The catalog of the cloud at url, as it stands in each token."""
    return [
        {
            'id': kind,
            'type': kind,
            'name': name,
            'endpoints': [
                {
                    'id': f'{kind}-{interface}',
                    'interface': interface,
                    'region': REGION,
                    'region_id': REGION,
                    'url': url + path,
                }
                for interface in ('public', 'internal', 'admin')
            ],
        }
        for kind, (name, path) in SERVICES.items()
    ]


def token(url: str, user: users.User) -> dict[str, Any]:
    """The body of a token of the user, issued now."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        'methods': ['password'],
        'issued_at': _stamp(now),
        'expires_at': _stamp(now + _LIFETIME),
        'user': {'id': user.id, 'name': user.name, 'domain': users.DOMAIN},
        'project': {
            'id': user.project_id,
            'name': user.project,
            'domain': users.DOMAIN,
        },
        'roles': [{'id': role, 'name': role} for role in user.roles],
        'catalog': catalog(url),
    }


def _stamp(when: datetime.datetime) -> str:
    return when.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
