"""The order of hosts: hot/cold lexicographic, after Google's Prequal.

1. tier: cold, then unknown, then hot;
2. among cold: least steal, in bands so that noise does not decide; then the
   fewest servers of the same role; then the most head-room;
3. among unknown: the fewest servers of the same role;
4. among hot: least pressure.

One dense rank, not a weighted sum: no amount of head-room makes a hot host
better than a cold one.
"""

from steal_scheduler.model.host_view import HostView, Tier, View

#: With fewer hosts that are known, the order says nothing: stock Nova's is
#: better than one made of ignorance.
KNOWN_HOSTS_NEEDED = 2

#: Percent. Hosts whose steal lies in the same band count as equal: with 2,
#: one of 2.1 % and one of 3.9 % do.
STEAL_BAND = 2.0

Key = tuple[float, ...]


def steal_band(host: HostView) -> float:
    return host.steal * 100 // STEAL_BAND


def key(host: HostView, same_role: int, *, move: bool) -> Key:
    """What a host is compared by; the least is the best.

    :param same_role: servers of the same role that it holds
    :param move: a boot leaves head-room to Nova's own weighers, which know
        of the boots that came after the view; it would herd otherwise
    """
    if host.tier is Tier.COLD:
        head_room = -round(host.head_room, 1) if move else 0.0
        return (Tier.COLD, steal_band(host), same_role, head_room)
    if host.tier is Tier.UNKNOWN:
        return (Tier.UNKNOWN, same_role)
    return (Tier.HOT, round(host.pressure, 2))


def past_key(host: HostView, same_role: int, room: float) -> Key:
    """What cold hosts are compared by as targets of a server, by their past.

    :param room: cores that would have been left with it, see ``joint_past``
    """
    return (
        Tier.COLD,
        steal_band(host),
        room < 0,
        same_role,
        -round(room, 1),
    )


def keys(view: View, role: str | None, *, move: bool) -> dict[str, Key]:
    """What every host of the view is compared by.

    :param role: as ``View.role_key`` has it
    :returns: empty when too few hosts are known to say anything
    """
    known = sum(h.tier is not Tier.UNKNOWN for h in view.hosts.values())
    if known < KNOWN_HOSTS_NEEDED:
        return {}
    same_role = view.roles.get(role, {}) if role else {}
    return {
        name: key(host, same_role.get(name, 0), move=move)
        for name, host in view.hosts.items()
    }
