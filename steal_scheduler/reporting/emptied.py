"""Emptied hosts: what log and documents tell of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oslo_log import log

from steal_scheduler.decision import emptied
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.model.until import iso

LOG = log.getLogger(__name__)


def log_emptied(
    said: dict[str, Mapping[Any, Any]],
    refusals: Iterable[Refusal],
    snapshot: Snapshot,
) -> None:
    """Say what has changed.

    :param said: what the journal has said, which is changed
    """
    before, unheeded = said.get('emptied', {}), said.get('unheeded', {})
    said['unheeded'] = {o: True for o in emptied.unheeded(snapshot)}
    for order in said['unheeded'].keys() - unheeded.keys():
        LOG.warning(
            "Operator's order empties no host: %s.",
            emptied.told(order, snapshot),
        )
    found = {p.host: p for p in emptied.progress(refusals, snapshot)}
    said['emptied'] = found
    for host, progress in found.items():
        known = before.get(host)
        if known is None or known.order != progress.order:
            LOG.info(
                'Host %s is %s: %s.',
                host,
                progress.order.told(snapshot.now),
                progress.told,
            )
        if not progress.left and (known is None or known.left):
            LOG.info('Host %s is empty: no server is left on it.', host)
    for host in before.keys() - found.keys():
        LOG.info('Host %s is not emptied any more.', host)


def emptied_blocks(
    refusals: Iterable[Refusal], snapshot: Snapshot
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """How far emptied hosts are, who is left there, and why.

    :param refusals: of the decision of this snapshot
    """
    found = emptied.progress(refusals, snapshot)
    hosts: list[Mapping[str, Any]] = [
        {
            'host': each.host,
            'until': iso(each.order.until) if each.order.has_end else None,
            'servers': len(each.left),
            'detail': f'{each.told}; {each.order.told(snapshot.now)}',
        }
        for each in found
    ]
    hosts += [
        {
            'host': order.host or None,
            'until': None,
            'servers': None,
            'detail': emptied.told(order, snapshot),
        }
        for order in emptied.unheeded(snapshot)
    ]
    left = [
        {
            'server_id': one.server.server_id,
            'server_name': one.server.name,
            'host': each.host,
            'detail': one.told,
        }
        for each in found
        for one in each.left
    ]
    return {'emptied_hosts': hosts, 'servers_left': left}
