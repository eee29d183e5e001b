"""What is scarce: why Nova could place a server on no host with the cores."""

from collections.abc import Mapping

from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import SCARCE, Reason

#: For a person: what a host lacks.
_WORDS = {
    Reason.HYPERVISOR: 'a hypervisor of the kind of its own, and no older',
    Reason.ISOLATION: 'a place for its project (filter_tenant_id)',
    Reason.TRAITS: 'the traits that its flavor asks for',
    Reason.SERVER_GROUP: 'what the policy of its server group asks for',
    Reason.PCPUS: 'dedicated CPUs (PCPU)',
    Reason.VCPUS: 'vCPUs (VCPU, with the cpu_allocation_ratio)',
    Reason.RAM: 'memory',
    Reason.DISK: 'disk',
    Reason.RESOURCES: 'what else its flavor asks for of Placement',
    Reason.KEPT_ROOM: (
        'room beside what is kept for the servers of the largest host, '
        'should it fail ([hosts] keep_room_for_host_failure)'
    ),
}


def scarce(move: Move, lacking: Mapping[Reason, int]) -> tuple[Reason, str]:
    """What most of the hosts lack that have the cores for it, and a sentence.

    For example RAM, and that they lack '9 of them memory, 1 of them disk'.

    :param lacking: of how many hosts each, of at least one
    """
    each = (
        f'{lacking[reason]} of them {_WORDS[reason]}'
        for reason in SCARCE
        if reason in lacking
    )
    most = max(SCARCE, key=lambda reason: lacking.get(reason, 0))
    return most, (
        f'the hosts of zone {move.server.zone} that can take its '
        f'{move.demand.expected:.1f} cores and stay cold have no room for it: '
        f'they lack {", ".join(each)}'
    )
