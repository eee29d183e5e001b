"""Octavia's API, as the few calls we make of it.

API 2.5 (Stein, 2019) or later. What fails is an OrchestratorError.

It is no openstacksdk: that goes on to the host which the link to a next page
names, without the filters that the link leaves out, and has no end for all
requests of a drain together.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

import requests
from keystoneauth1 import exceptions, loading

from steal_scheduler.edge import keystone
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.orchestrators.base import DONE, Answer, refused, waiting
from steal_scheduler.orchestrators.octavia.members import Member, Pool

T = TypeVar('T')

#: Requests under way at once. Octavia lists members by pool only.
AT_ONCE = 8


class Gone(OrchestratorError):
    """There is no such thing, or no more: which it is, the asker knows.

    A pool may be deleted at any time. That there is no list of pools means
    that what answers is not Octavia.
    """


class OctaviaClient:
    """The time of one look starts with ``begin``."""

    def __init__(self, conf: Any, section: str) -> None:
        """Take the options; do no I/O.

        :raises ConfigError: those of the log-in are wrong or incomplete
        """
        self._section = section
        self._timeout = conf[section].timeout
        #: Whose user we are: the name of a section.
        self._login = login = conf[section].auth_section
        self._where = f'[{section}] auth_section = {login}: '
        if login == section:
            raise ConfigError(
                f'{self._where}it is the section of these options. Use nova, '
                'or a section of its own.'
            )
        loading.register_session_conf_options(conf, login)
        auth = keystone.load_auth(conf, login, self._where)
        # Of [nova] they exist already.
        conf.register_opts(
            keystone.adapter_options('valid_interfaces', 'region_name'),
            group=login,
        )
        self._session = keystone.load_session(
            conf, login, auth, timeout=self._timeout
        )
        found = conf[login]
        self._catalog = {
            'service_type': 'load-balancer',
            'interface': found.valid_interfaces or ['internal', 'public'],
            'region_name': found.region_name,
        }
        self._until = 0.0

    def begin(self) -> None:
        """From now on ``timeout`` seconds for all requests together."""
        self._until = time.monotonic() + self._timeout

    def pools(self, project_id: str | None) -> list[Pool]:
        """Those of one project, or of all, with their members.

        :raises OrchestratorError: no answer
        """
        query = {} if project_id is None else {'project_id': project_id}
        listed = self._list('pools', query)
        pools = [_value('pool', Pool.of, raw) for raw in listed]
        # Once more: a cloud may have switched filters off.
        return self._with_members(
            [p for p in pools if project_id in (None, p.project_id)]
        )

    def named(self, pool_ids: Iterable[str]) -> list[Pool]:
        """Those of these ids that there are, with their members.

        :raises OrchestratorError: no answer
        """
        pools = []
        for pool_id in pool_ids:
            path = f'pools/{_quoted(pool_id)}'
            with contextlib.suppress(Gone):
                raw = _part(self._ask('GET', path)[1], 'pool', dict)
                pools.append(_value('pool', Pool.of, raw))
        return self._with_members(pools)

    def update(self, member: Member, **values: Any) -> Answer:
        """Set values of a member, all in one request.

        :returns: DONE also where it is gone: nobody is sent there any more
        :raises OrchestratorError: it may have happened
        """
        path = (
            f'pools/{_quoted(member.pool_id)}/members/'
            f'{_quoted(member.member_id)}'
        )
        status, said = self._ask(
            'PUT',
            path,
            accept=[400, 401, 403, 404, 409],
            json={'member': values},
        )
        if status == 409:
            # The load balancer takes up something else.
            return waiting(said)
        return refused(said) if status in (400, 401, 403) else DONE

    def _with_members(self, pools: Sequence[Pool]) -> list[Pool]:
        """The same with their members; without those deleted meanwhile."""
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as executor:
            found = executor.map(self._with_its_members, pools)
            return [pool for pool in found if pool is not None]

    def _with_its_members(self, pool: Pool) -> Pool | None:
        path = f'pools/{_quoted(pool.pool_id)}/members'
        try:
            listed = self._list(path, {})
        except Gone:
            return None
        members = [
            _value('member', Member.of, pool.pool_id, raw) for raw in listed
        ]
        return dataclasses.replace(pool, members=tuple(members))

    def _list(self, path: str, query: dict[str, str]) -> list[Any]:
        """All pages.

        NOTE: the link to the next page leaves the filters out, and its host
        may be one that only the balancer before Octavia knows. So it says
        that there is a page, and the marker says which.
        """
        name = path.rpartition('/')[2]
        found: list[Any] = []
        while True:
            _, answer = self._ask('GET', path, params=query)
            page = _part(answer, name, list)
            found += page
            links = answer.get(f'{name}_links') or []
            if not page or all(link.get('rel') != 'next' for link in links):
                return found
            query = query | {'marker': str(page[-1]['id'])}

    def _ask(
        self,
        method: str,
        path: str,
        accept: Collection[int] = (),
        **request: Any,
    ) -> tuple[int, Any]:
        """The status of an answer, and its JSON: or what Octavia says of a no.

        :param path: below ``/v2/lbaas/``
        :param accept: which statuses, of 400 and more, are no failure
        :raises OrchestratorError: there is no answer, or one of failure
        """
        response = self._send(method, path, request)
        status = response.status_code
        if status < 300:
            try:
                return status, json.loads(response.content)
            except ValueError as error:
                raise _strange(f'{method} {path}: {error}') from error
        fault = _fault(response)
        said = f'{method} {path}: {status} {fault.rstrip(".")}'
        if status in (401, 403):
            said += f'. Give this right to the user of [{self._login}]'
        if status not in accept:
            kind = Gone if status == 404 else OrchestratorError
            raise kind(f'Octavia failed: {said}')
        return status, fault if status == 409 else said

    def _send(
        self, method: str, path: str, request: dict[str, Any]
    ) -> requests.Response:
        """Ask once; whatever status it has, it is an answer."""
        left = self._until - time.monotonic()
        try:
            url = self._session.get_endpoint(
                skip_discovery=True, **self._catalog
            )
            base = re.sub(r'/v2(\.0)?$', '', str(url).rstrip('/'))
            response: requests.Response = self._session.request(
                f'{base}/v2/lbaas/{path}',
                method,
                raise_exc=False,
                # Or the token would go wherever an answer points to.
                redirect=False,
                # Not 0, which would be no timeout at all.
                timeout=max(left, 0.001),
                **request,
            )
            return response
        except exceptions.Unauthorized as error:
            raise OrchestratorError(
                self._where + keystone.refused(self._login, error)
            ) from error
        except exceptions.CatalogException as error:
            raise OrchestratorError(
                f'{self._where}Keystone lists no Octavia: {error}. Check '
                f'region_name and valid_interfaces of [{self._login}].'
            ) from error
        # A missing cafile is an OSError.
        except (exceptions.ClientException, OSError) as error:
            text = f'Octavia did not answer {method} {path}: {error}'
            if time.monotonic() >= self._until:
                text = (
                    f'Octavia took more than [{self._section}] timeout = '
                    f'{self._timeout:g} s, at {method} {path}. If it is well '
                    'and has very many pools, set pools or projects to those '
                    'that matter.'
                )
            raise OrchestratorError(text) from error


def _quoted(identifier: str) -> str:
    return urllib.parse.quote(identifier, safe='')


def _part(answer: Any, name: str, kind: type) -> Any:
    if isinstance(answer, dict) and isinstance(answer.get(name), kind):
        return answer[name]
    raise _strange(f'there is no {name!r} in it')


def _value(kind: str, build: Callable[..., T], *raw: Any) -> T:
    try:
        return build(*raw)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OrchestratorError(
            f'Octavia lists a {kind} that makes no sense: {error!r}'
        ) from error


def _strange(what: str) -> OrchestratorError:
    return OrchestratorError(
        f'What answers is not Octavia ({what}). Correct the endpoint of the '
        "service load-balancer in Keystone's catalog."
    )


def _fault(response: requests.Response) -> str:
    """What Octavia says of it: one printable line."""
    try:
        answer = json.loads(response.content)
        # It has two forms for it.
        said = answer.get('faultstring') or answer['description']
    except (AttributeError, KeyError, TypeError, ValueError):
        said = response.reason
    return one_line(said)
