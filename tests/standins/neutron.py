"""A stand-in for Neutron: ports and their bindings, as they are listed.

It is written by hand, after the reference of the networking API v2.0: "List
ports", and "List bindings of a port" of the extension ``binding-extended``.
No real one holds it to that: a Neutron is a dependency of nothing here.

    GET /v2.0/ports                     device_id, fields
    GET /v2.0/ports/{id}/bindings
"""

from typing import Any

from tests.standins.app import Answer, Request, StandIn, route


class Neutron(StandIn):
    def __init__(self) -> None:
        super().__init__()
        #: By the id of its server, the ids of its ports.
        self.ports: dict[str, list[str]] = {}
        #: By the id of their port, statuses by host.
        self.bindings: dict[str, dict[str, str]] = {}
        #: It has the extension.
        self.extended = True

    @route('GET', '/v2.0/ports')
    def _ports(self, request: Request) -> Answer:
        found = self.ports.get(request.query['device_id'], [])
        return 200, {'ports': [{'id': port} for port in found]}

    @route('GET', '/v2.0/ports/{}/bindings')
    def _bindings(self, request: Request, port: str) -> Answer:
        if not self.extended:
            return 404, {'message': 'The resource could not be found.'}
        found = [_binding(*each) for each in self.bindings[port].items()]
        return 200, {'bindings': found}


def _binding(host: str, status: str) -> dict[str, Any]:
    return {
        'host': host,
        'status': status,
        'vif_type': 'ovs' if status == 'ACTIVE' else 'unbound',
        'vif_details': {},
        'vnic_type': 'normal',
        'profile': {},
    }
