"""Octavia's API, as the few calls we make of it.

API 2.5 (Stein, 2019) or later. What fails is an OrchestratorError; of what
is asked of a member, Immutable, Gone and UpdateRefused say that it did not
happen.
"""

import concurrent.futures
import dataclasses
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any

import requests

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.octavia.keystone_session import (
    KeystoneSession,
)
from steal_scheduler.orchestrators.octavia.members import Member, Pool

#: Requests under way at once. Octavia lists members by pool only.
AT_ONCE = 8
_LONGEST = 300


class Immutable(OrchestratorError):
    """The load balancer takes up something else: ask again."""


class Gone(OrchestratorError):
    """There is no such pool or member any more."""


class UpdateRefused(OrchestratorError):
    """Octavia understood, and said no."""


class OctaviaClient:
    """The time of one look starts with ``begin``."""

    def __init__(self, conf: Any, section: str) -> None:
        """Take the options; do no I/O.

        :raises ConfigError: those of the login are incomplete
        """
        self._section = section
        self._timeout = conf[section].timeout
        self._session = KeystoneSession(conf, section)
        self._until = 0.0

    def begin(self) -> None:
        """From now on ``timeout`` seconds for all requests together."""
        self._until = time.monotonic() + self._timeout

    def pools(self, project_id: str | None) -> list[Pool]:
        """Those of one project, or of all.

        :raises OrchestratorError: no answer
        """
        query = {} if project_id is None else {'project_id': project_id}
        pools = [Pool.of(raw) for raw in self._list('pools', query)]
        # Once more: a cloud may have switched filters off.
        return [p for p in pools if project_id in (None, p.project_id)]

    def pool(self, pool_id: str) -> Pool | None:
        """Return the pool of this id; None where there is none.

        :raises OrchestratorError: no answer
        """
        try:
            answer = self._ask('GET', f'pools/{_quoted(pool_id)}')
        except Gone:
            return None
        return Pool.of(_part(answer, 'pool', dict))

    def with_members(self, pools: Sequence[Pool]) -> list[Pool]:
        """The same, with their members; without those deleted meanwhile.

        :raises OrchestratorError: no answer
        """
        if not pools:
            return []
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as executor:
            found = executor.map(self._with_members, pools)
            return [pool for pool in found if pool is not None]

    def update(self, member: Member, **values: Any) -> None:
        """Set values of a member, all in one request.

        :raises Immutable, Gone, UpdateRefused: it did not happen
        :raises OrchestratorError: it may have happened
        """
        path = (
            f'pools/{_quoted(member.pool_id)}/members/'
            f'{_quoted(member.member_id)}'
        )
        self._ask('PUT', path, json={'member': values})

    def _with_members(self, pool: Pool) -> Pool | None:
        path = f'pools/{_quoted(pool.pool_id)}/members'
        try:
            listed = list(self._list(path, {}))
        except Gone:
            return None
        members = tuple(Member.of(pool.pool_id, raw) for raw in listed)
        return dataclasses.replace(pool, members=members)

    def _list(self, path: str, query: dict[str, str]) -> Iterator[Any]:
        """Page for page.

        NOTE: the link to the next page leaves the filters out, and its host
        may be one that only the balancer before Octavia knows. So it says
        that there is a page, and the marker says which.
        """
        name = path.rpartition('/')[2]
        while True:
            answer = self._ask('GET', path, params=query)
            page = _part(answer, name, list)
            yield from page
            links = answer.get(f'{name}_links') or []
            if not page or all(link.get('rel') != 'next' for link in links):
                return
            query = query | {'marker': str(page[-1]['id'])}

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        try:
            # Not 0, which would be no timeout at all.
            left = max(self._until - time.monotonic(), 0.001)
            response = self._session.request(method, path, left, **request)
        except OrchestratorError as error:
            if time.monotonic() < self._until:
                raise
            raise OrchestratorError(
                f'Octavia took more than [{self._section}] timeout = '
                f'{self._timeout:g} s, at {method} {path}. If it is well and '
                'has very many pools, set pools or projects to those that '
                'matter.'
            ) from error
        status = response.status_code
        if status < 300:
            try:
                return response.json()
            except ValueError as error:
                raise _strange(f'{method} {path}: {error}') from error
        fault = _fault(response)
        said = f'{method} {path}: {status} {fault.rstrip(".")}'
        if status in (401, 403):
            said += (
                f'. Give this right to the user of [{self._session.section}]'
            )
        if status == 404:
            raise Gone(said)
        if method == 'PUT' and status == 409:
            raise Immutable(fault)
        if method == 'PUT' and status in (400, 401, 403):
            raise UpdateRefused(said)
        raise OrchestratorError(f'Octavia failed: {said}')


def _quoted(identifier: str) -> str:
    return urllib.parse.quote(identifier, safe='')


def _part(answer: Any, name: str, kind: type) -> Any:
    if isinstance(answer, dict) and isinstance(answer.get(name), kind):
        return answer[name]
    raise _strange(f'there is no {name!r} in it')


def _strange(what: str) -> OrchestratorError:
    return OrchestratorError(
        f'What answers is not Octavia ({what}). Correct the endpoint of the '
        "service load-balancer in Keystone's catalog."
    )


def _fault(response: requests.Response) -> str:
    """What Octavia says of it: one printable line."""
    try:
        answer = response.json()
        # It has two forms for it.
        said = answer.get('faultstring') or answer['description']
    except (AttributeError, KeyError, TypeError, ValueError):
        said = response.reason
    text = ' '.join(str(said).split())[:_LONGEST]
    return ''.join(c for c in text if c.isprintable())
