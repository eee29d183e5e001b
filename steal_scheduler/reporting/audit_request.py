"""What the audit tells of a request: who asked, for what, about what."""

from collections.abc import Mapping
from typing import Any

from steal_scheduler.model.pause import Scope
from steal_scheduler.reporting import cadf

#: What a request is called that is no change of something: CADF has verbs of
#: its own, and ours come after them.
_VERBS = {
    'pause': 'disable',
    'resume': 'enable',
    'move_create': 'start',
    'move_cancel': 'stop',
    'server_skip': 'disable',
    'server_unskip': 'enable',
    'host_relieve': 'start',
    'host_drain': 'start',
    'host_undrain': 'stop',
    'approve': 'allow',
    'reject': 'deny',
}
#: Arguments of a request that are told. Any other may be what a person has
#: pasted there, a password too.
_ARGUMENTS = ('server_id', 'host', 'scope', 'name', 'until', 'reason')


def action(method: str) -> str:
    """For example ``start/host_drain``."""
    return f'{_VERBS.get(method, "update")}/{method}'


def initiator(who: Mapping[str, Any]) -> dict[str, Any]:
    """The person."""
    return cadf.resource(
        cadf.USER,
        who.get('user_id'),
        name=who.get('user_name'),
        project_id=who.get('project_id'),
        request_id=who.get('request_id'),
    )


def target(args: Mapping[str, Any]) -> dict[str, Any]:
    """The server or the host that it is about; else the cloud."""
    if server_id := args.get('server_id'):
        return cadf.resource(cadf.MACHINE, server_id)
    if host := args.get('host'):
        return cadf.resource(cadf.NODE, host)
    if name := args.get('name'):
        scope = args.get('scope')
        kind = cadf.NODE if scope == Scope.HOST else cadf.SERVICE
        return cadf.resource(kind, f'{scope} {name}')
    return cadf.CLOUD


def details(
    args: Mapping[str, Any], refused: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Its arguments; and why it was refused, where it was."""
    told = {k: args[k] for k in _ARGUMENTS if args.get(k) is not None}
    if refused is None:
        return cadf.attached('request', told)
    told['detail'] = refused.get('text')
    return {
        **cadf.because('request', refused.get('reason')),
        **cadf.attached('request', told),
    }
