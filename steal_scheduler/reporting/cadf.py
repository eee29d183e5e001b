"""Events in the words of CADF, which auditors and their tools know.

DMTF's Cloud Auditing Data Federation (DSP0262) has a class for each; a dict
with its keys is all that an event is. pycadf has such classes, too, and
registers options in the configuration of whoever imports it.
"""

import datetime
import socket
import uuid
from collections.abc import Mapping
from typing import Any

from steal_scheduler.edge.text import one_line

Event = dict[str, Any]

#: What the events come from, and who does what nobody asked for.
NAME = 'steal-migrator'
_TYPE = 'http://schemas.dmtf.org/cloud/audit/1.0/event'
_TIME = '%Y-%m-%dT%H:%M:%S.%f%z'

#: How an event ended, in the words of CADF.
SUCCESS, FAILURE, PENDING, UNKNOWN = 'success failure pending unknown'.split()
#: An event of who may do what, and of what was done or seen.
CONTROL, ACTIVITY, MONITOR = 'control activity monitor'.split()

MACHINE, NODE, SERVICE = 'compute/machine', 'compute/node', 'service/compute'
USER = 'service/security/account/user'


def resource(kind: str, by: object, **more: Any) -> dict[str, Any]:
    """Who did it, or what it was done to; without what is not known.

    :param by: what it is known by; ``unknown`` stands for nothing
    """
    told = {'typeURI': kind, 'id': one_line(by or '') or UNKNOWN}
    return told | {k: plain(v) for k, v in more.items() if v}


CLOUD = resource(SERVICE, 'the cloud')


def ourselves() -> dict[str, Any]:
    return resource(SERVICE, f'{NAME}.{socket.gethostname()}', name=NAME)


def event(action: str, outcome: str, at: float, **more: Any) -> Event:
    """One that just happened, for example ``start/move``.

    :param at: epoch seconds
    :param more: ``target`` and, where it is not so by default, ``initiator``
        and ``eventType``
    """
    when = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return {
        'typeURI': _TYPE,
        'eventType': ACTIVITY,
        'id': str(uuid.uuid4()),
        'eventTime': when.strftime(_TIME),
        'action': action,
        'outcome': outcome,
        'initiator': ourselves(),
        'observer': ourselves(),
        **more,
    }


def because(of: str, code: object) -> dict[str, Any]:
    """Why it ended so, in one of our own words.

    :param of: what kind of word it is: ``outcome``, ``refusal``
    """
    kind, word = f'steal_scheduler.{of}', one_line(code)
    return {'reason': {'reasonType': kind, 'reasonCode': word}}


def attached(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """What else there is to know; each text fit for a log line."""
    return {
        'attachments': [
            {
                'name': name,
                'typeURI': 'mime:application/json',
                'content': {k: plain(v) for k, v in content.items()},
            }
        ]
    }


def plain(value: Any) -> Any:
    """A number as it is, any other thing as one line of bounded length."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return one_line(value)
