"""Whether a run of the storm has left anything behind.

It asks Nova, Kubernetes and Consul, and uses nothing of ours.
"""

from tests.integration import records
from tests.integration.estate import Estate
from tests.integration.faults import Fault


def left_behind(estate: Estate, fault: Fault) -> list[str]:
    """What of us is to be seen; empty when all is as it was."""
    tagged = [
        f'server {server["name"]} has the tag {tag}'
        for server in estate.scene.call('GET', '/servers/detail')['servers']
        for tag in server['tags']
        if tag.startswith('steal:')
    ]
    return [
        *tagged,
        *estate.nodes.left(fault.cordoned),
        *estate.agents.left(fault.maintained),
        *estate.balancer.left(),
    ]


def too_many(estate: Estate, fault: Fault, begun: float) -> list[str]:
    """Migrations of the server beyond the one that its finding allows."""
    found = records.since(estate.scene, fault.id, begun)
    if len(found) < 2:
        return []
    return [f'{fault.mover} was migrated {len(found)} times: {found}']


def noticed(estate: Estate) -> list[str]:
    """Migrations that began while the server was at work."""
    return list(estate.witness.saw)


def short(estate: Estate) -> list[str]:
    """Budgets of Kubernetes that are not kept at this moment."""
    return estate.nodes.short()


def unavailable(estate: Estate) -> list[str]:
    """Services that are not there at the end, or less than they have to be."""
    return [*estate.nodes.short(), *estate.agents.short()]
