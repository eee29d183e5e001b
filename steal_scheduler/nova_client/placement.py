"""A client of the Placement API: what hosts have left, and servers have.

It logs in as ``[nova]`` does, at Keystone's catalog's word of where it is.
"""

import collections
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import keystoneauth1.exceptions
from keystoneauth1 import adapter

from steal_scheduler import exception
from steal_scheduler.edge import http, sense
from steal_scheduler.edge.text import one_line
from steal_scheduler.model.room import Free

#: All resource classes of all providers of a tree: Placement of Rocky.
MICROVERSION = '1.29'

Allocated = Mapping[str, Mapping[str, int]]


class Placement:
    """Every call is one HTTP request, bounded by ``[nova] timeout``."""

    def __init__(self, session: Any, options: Any) -> None:
        """:param options: those of ``[nova]``"""
        self._api = adapter.Adapter(
            session,
            service_type='placement',
            region_name=options.region_name,
            interface=options.valid_interfaces or None,
            default_microversion=MICROVERSION,
        )

    def free(self) -> Mapping[str, Free]:
        """What hosts have left that have memory left, by provider's uuid.

        One request, whatever the size of the cloud. A host without memory is
        not among them: it can take no server.

        :raises NovaFault: Placement does not tell
        """
        # NOTE: no ``limit``: with 1,000 of 1,500 hosts the others would count
        # as full.
        path = '/allocation_candidates?resources=MEMORY_MB:1'
        return _free(self._get(path))

    def allocated(self, server_id: str) -> Allocated:
        """What a server has, by provider's uuid and resource class.

        :raises NovaFault: Placement does not tell
        """
        found = self._get(f'/allocations/{server_id}')
        with _sensible():
            return {
                uuid: _amounts(each['resources'])
                for uuid, each in found['allocations'].items()
            }

    def _get(self, path: str) -> Any:
        with _in_our_words():
            return self._api.get(path).json()


def _free(answer: Any) -> Mapping[str, Free]:
    """What a tree of providers has, under the uuid of its root.

    For example a host has 8192 MEMORY_MB, and a GPU below it 4 VGPU: the host
    has both, and the traits of both.
    """
    left = collections.defaultdict[str, collections.Counter[str]](
        collections.Counter
    )
    traits = collections.defaultdict[str, set[str]](set)
    with _sensible():
        for uuid, each in answer['provider_summaries'].items():
            root = each.get('root_provider_uuid') or uuid
            found = {
                kind: has['capacity'] - has['used']
                for kind, has in each['resources'].items()
            }
            left[root].update(_amounts(found))
            traits[root].update(each.get('traits') or ())
        return {
            root: sense.typed(Free(dict(amounts), frozenset(traits[root])))
            for root, amounts in left.items()
        }


def _amounts(raw: Mapping[str, Any]) -> Mapping[str, int]:
    """:raises TypeError: it is something else"""
    for kind, amount in raw.items():
        if type(amount) is not int or not isinstance(kind, str):
            raise TypeError(f'{one_line(kind)} is {one_line(amount, 80)}')
    return dict(raw)


def _sensible() -> contextlib.AbstractContextManager[None]:
    return sense.sensible("Placement's answer", exception.NovaError)


@contextlib.contextmanager
def _in_our_words() -> Iterator[None]:
    """Raise ours for what keystoneauth raises."""
    try:
        with _sensible():
            yield
    except keystoneauth1.exceptions.Forbidden as error:
        raise exception.NovaForbids(
            f'Placement refuses the user of [nova]: {one_line(error)}. Give '
            'it a role that the policy.yaml of Placement allows '
            'placement:allocation_candidates:list and '
            'placement:allocations:list.'
        ) from error
    except keystoneauth1.exceptions.HttpError as error:
        said = f'Placement failed: {one_line(error)}'
        raise exception.NovaError(said) from error
    except keystoneauth1.exceptions.CatalogException as error:
        raise exception.NovaSilent(
            "Placement was not asked, for Keystone's catalog names none: "
            f'{one_line(error)}'
        ) from error
    except (keystoneauth1.exceptions.ClientException, OSError) as error:
        why = f'Placement does not answer: {http.unanswered(error)}'
        raise exception.NovaSilent(why) from error
