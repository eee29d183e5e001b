"""Octavia's API, as the few calls we make of it.

API 2.5 (Stein, 2019) or later. What fails is an OrchestratorError.

It is no openstacksdk: that goes on to the host which the link to a next page
names, without the filters that the link leaves out, and has no end for all
requests of a drain together.
"""

import concurrent.futures
import contextlib
import dataclasses
import re
import time
import urllib.parse
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

from keystoneauth1 import exceptions, loading

from steal_scheduler.edge import keystone, sense
from steal_scheduler.edge.text import json_object, one_line
from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.orchestrators.base import DONE, Answer, refused, waiting
from steal_scheduler.orchestrators.octavia import members

#: Requests under way at once. Octavia lists members by pool only.
AT_ONCE = 8
_Kind = TypeVar('_Kind', members.Pool, members.Member)


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

    def pools(self, project_id: str | None) -> list[members.Pool]:
        """Those of one project, or of all, with their members.

        :raises OrchestratorError: no answer
        """
        query = {} if project_id is None else {'project_id': project_id}
        listed = self._list('pools', **query)
        pools = _made(members.Pool, listed)
        # Once more: a cloud may have switched filters off.
        return self._with_members(
            [p for p in pools if project_id in (None, p.project_id)]
        )

    def named(self, pool_ids: Iterable[str]) -> list[members.Pool]:
        """Those of these ids that there are, with their members.

        :raises OrchestratorError: no answer
        """
        pools: list[members.Pool] = []
        for pool_id in pool_ids:
            path = f'pools/{_quoted(pool_id)}'
            with contextlib.suppress(Gone):
                _, answer = self._ask('GET', path)
                pools += _made(members.Pool, [answer.get('pool')])
        return self._with_members(pools)

    def update(self, membership: members.Membership, **values: Any) -> Answer:
        """Set values of a member, all in one request.

        :returns: DONE also where it is gone: nobody is sent there any more
        :raises OrchestratorError: it may have happened
        """
        member = membership.member
        status, said = self._ask(
            'PUT',
            f'{_members_of(membership.pool)}/{_quoted(member.member_id)}',
            accept=[400, 401, 403, 404, 409],
            json={'member': values},
        )
        if status == 409:
            # The load balancer takes up something else.
            return waiting(f'{membership}: {said}')
        if status in (400, 401, 403):
            return refused(f'{membership}: {said}')
        return DONE

    def _with_members(
        self, pools: Sequence[members.Pool]
    ) -> list[members.Pool]:
        """The same with their members; without those deleted meanwhile."""
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as executor:
            found = executor.map(self._with_its_members, pools)
            return [pool for pool in found if pool is not None]

    def _with_its_members(self, pool: members.Pool) -> members.Pool | None:
        with contextlib.suppress(Gone):
            found = _made(members.Member, self._list(_members_of(pool)))
            return dataclasses.replace(pool, members=tuple(found))
        return None

    def _list(self, path: str, **query: str) -> list[Any]:
        """All pages.

        NOTE: the link to the next page leaves the filters out, and its host
        may be one that only the balancer before Octavia knows. So it says
        that there is a page, and the marker says which.
        """
        name = path.rpartition('/')[2]
        found: list[Any] = []
        while True:
            _, answer = self._ask('GET', path, params=query)
            page = answer.get(name)
            if not isinstance(page, list):
                raise OrchestratorError(
                    f'What answers is not Octavia (there is no {name!r} in '
                    'it). Correct the endpoint of the service load-balancer '
                    "in Keystone's catalog."
                )
            found += page
            with sense.sensible(f'{name} of Octavia', OrchestratorError):
                links = answer.get(f'{name}_links') or []
                ends = all(link.get('rel') != 'next' for link in links)
                if ends or not page:
                    return found
                query['marker'] = str(page[-1]['id'])

    def _ask(
        self,
        method: str,
        path: str,
        accept: Collection[int] = (),
        **request: Any,
    ) -> tuple[int, Any]:
        """The status of an answer, and its JSON: or what Octavia says of a no.

        What is no JSON object counts as an empty one: there is nothing in it.

        :param path: below ``/v2/lbaas/``
        :param accept: which statuses, of 400 and more, are no failure
        :raises OrchestratorError: there is no answer, or one of failure
        """
        response = self._send(method, path, request)
        status = response.status_code
        answer = json_object(response.content)
        if status < 300:
            return status, answer
        # It has two forms for it.
        fault = answer.get('faultstring') or answer.get('description')
        fault = one_line(fault or response.reason)
        said = f'{method} {path}: {status} {fault.rstrip(".")}'
        if status in (401, 403):
            said += f'. Give this right to the user of [{self._login}]'
        if status not in accept:
            kind = Gone if status == 404 else OrchestratorError
            raise kind(f'Octavia failed: {said}')
        return status, fault if status == 409 else said

    def _send(self, method: str, path: str, request: dict[str, Any]) -> Any:
        """Ask once: a response of requests, whatever status it has."""
        left = self._until - time.monotonic()
        try:
            url = self._session.get_endpoint(
                skip_discovery=True, **self._catalog
            )
            base = re.sub(r'/v2(\.0)?$', '', str(url).rstrip('/'))
            return self._session.request(
                f'{base}/v2/lbaas/{path}',
                method,
                raise_exc=False,
                # Or the token would go wherever an answer points to.
                redirect=False,
                # Not 0, which would be no timeout at all.
                timeout=max(left, 0.001),
                **request,
            )
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
        except sense.NONSENSE as error:
            raise OrchestratorError(
                f'{self._where}{keystone.nonsense(error)}'
            ) from error


def _quoted(identifier: str) -> str:
    return urllib.parse.quote(identifier, safe='')


def _members_of(pool: members.Pool) -> str:
    return f'pools/{_quoted(pool.pool_id)}/members'


def _made(kind: type[_Kind], listed: Iterable[Any]) -> list[_Kind]:
    """What is made of an answer has to make sense."""
    what = f'a {kind.__name__.lower()} that Octavia lists'
    with sense.sensible(what, OrchestratorError):
        return [kind.of(raw) for raw in listed]
