"""The WSGI application: routes, and the layers that every request passes.

From the outside in: request id, one form of errors, what a proxy says of the
client, the bound of the body, who asks (Keystone), and the call.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import falcon
from keystoneauth1 import exceptions
from keystonemiddleware import auth_token
from oslo_context.context import RequestContext
from oslo_log import log
from oslo_middleware import (
    healthcheck,
    http_proxy_to_wsgi,
    request_id,
    sizelimit,
)

from steal_scheduler.api import (
    calls,
    errors,
    inputs,
    policies,
    public,
)
from steal_scheduler.api.answers import shaped
from steal_scheduler.api.description import PUBLIC
from steal_scheduler.conf import api as options
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import NoLeader, RequestRefused
from steal_scheduler.messaging.leader_rpc import LeaderClient

LOG = log.getLogger(__name__)

#: Bytes of a body, where the operator sets no other bound.
_LARGEST_BODY = 16 * 1024
#: Requests that wait for a step of the migrator at a time: so that they never
#: take all threads of a web server from those who only look.
_MOST_ASKS = 16
#: Of them those of projects, whose members could take all of them from
#: operators.
_MOST_OF_PROJECTS = 4
#: So that no cache and no browser makes something of an answer.
_HEADERS = {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
}

#: To members of a project.
_NO_LEADER = 'No steal-migrator leads now that can be asked: try again later.'

Wsgi = Callable[..., Iterable[bytes]]


class Leader(Protocol):
    """What is asked; ``LeaderClient`` is it."""

    def call(
        self, who: Mapping[str, Any], method: str, args: Mapping[str, Any]
    ) -> dict[str, Any]: ...


def build(
    conf: Any,
    leader: Leader | None = None,
    login: Callable[[Wsgi], Wsgi] | None = None,
) -> Wsgi:
    """The application; neither Keystone nor the message bus is asked yet.

    :param leader: who is asked instead of the migrator that leads
    :param login: what tells who asks instead of Keystone
    :raises ConfigError: an option is wrong
    """
    if login is None:
        options.check_login(conf)
    rules = policies.enforcer(conf)
    inner = _routes(rules, leader or LeaderClient(conf))

    def ours(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        environ[errors.OURS] = True
        answer: Iterable[bytes] = inner(environ, start)
        return answer

    guarded = (login or _keystone(conf))(ours)
    # It answers at any path.
    health: Wsgi = healthcheck.Healthcheck(guarded, conf)
    public_apps: dict[str, Wsgi] = dict.fromkeys(PUBLIC, ours)
    public_apps[errors.HEALTH] = health

    def entry(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = environ['PATH_INFO'].rstrip('/') or '/'
        chosen = public_apps.get(path, guarded)
        # Of keystonemiddleware the scope of a service's token, in the system,
        # passes for that of the user; and nobody needs one here.
        environ.pop('HTTP_X_SERVICE_TOKEN', None)
        return chosen(environ, start)

    layer: Any = sizelimit.RequestBodySizeLimiter(entry, conf)
    conf.set_default(
        'max_request_body_size', _LARGEST_BODY, group='oslo_middleware'
    )
    layer = http_proxy_to_wsgi.HTTPProxyToWSGI(layer, conf)
    layer = errors.OneForm(layer, conf)
    outermost = request_id.RequestId(layer, conf)

    def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        # NOTE: a plain function, for servers and tools that look at its
        # parameters.
        found: Iterable[bytes] = outermost(environ, start)
        return found

    return application


def _keystone(conf: Any) -> Callable[[Wsgi], Wsgi]:
    def login(app: Wsgi) -> Wsgi:
        found: Wsgi = auth_token.AuthProtocol(
            app, {'oslo_config_config': conf, 'delay_auth_decision': False}
        )

        def entry(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            try:
                return found(environ, start)
            except exceptions.ClientException as error:
                # Such as a catalog without an endpoint of Keystone itself.
                LOG.error(
                    'Keystone does not tell whose a token is: %s. Check '
                    '[keystone_authtoken].',
                    one_line(error).rstrip('.'),
                )
                start('503 Service Unavailable', [])
                return [b'']

        return entry

    return login


def _routes(rules: Any, leader: Leader) -> Any:
    app = falcon.App()
    app.req_options.strip_url_path_trailing_slash = True
    errors.handle(app)
    for path, respond in public.RESPONDERS.items():
        app.add_route(path, _Resource({'GET': respond}))
    paths: dict[str, dict[str, Any]] = {}
    places = _Places()
    for call in calls.CALLS:
        responder = _Responder(call, rules, leader, places)
        paths.setdefault(call.path, {})[call.method] = responder.answer
    for path, responders in paths.items():
        app.add_route(path, _Resource(responders))
    return app


class _Resource:
    """What falcon looks for: on_get, on_put and so on."""

    def __init__(self, responders: Mapping[str, Callable[..., None]]) -> None:
        for method, responder in responders.items():
            setattr(self, f'on_{method.lower()}', responder)


class _Places:
    """For those who wait for a step of the migrator."""

    def __init__(self) -> None:
        self._all = threading.BoundedSemaphore(_MOST_ASKS)
        self._of_projects = threading.BoundedSemaphore(_MOST_OF_PROJECTS)

    @contextlib.contextmanager
    def one(self, who: Mapping[str, Any]) -> Iterator[None]:
        """Keep one.

        :raises ApiError: all are taken
        """
        wanted = [self._all]
        if who['scope']:
            wanted.insert(0, self._of_projects)
        with contextlib.ExitStack() as kept:
            for places in wanted:
                if not places.acquire(blocking=False):
                    raise errors.ApiError(
                        429,
                        'Too many requests wait for the migrator that leads '
                        'already: ask again.',
                        'busy',
                    )
                kept.callback(places.release)
            yield


class _Responder:
    """Answers one call."""

    def __init__(
        self,
        call: calls.Call,
        rules: Any,
        leader: Leader,
        places: '_Places',
    ) -> None:
        self._call = call
        self._rules = rules
        self._leader = leader
        self._places = places

    def answer(
        self,
        request: falcon.Request,
        response: falcon.Response,
        **in_path: str,
    ) -> None:
        call = self._call
        context = RequestContext.from_environ(request.env)
        try:
            project_id = policies.project_of_view(self._rules, call, context)
        except policies.Forbidden as rule:
            raise errors.ApiError(
                403, f'The policy {rule} does not let you ask for this.'
            ) from rule
        args = inputs.arguments(call, request, in_path)
        if project_id:
            _check_own(args, project_id)
        try:
            said = self._ask(_who(context, project_id), args)
        except NoLeader as error:
            if project_id is None:
                raise
            # It may name the message bus.
            LOG.warning('Request %s has no answer: %s', call.name, error)
            raise errors.ApiError(503, _NO_LEADER, 'no_leader') from error
        answer = shaped(call.answer, said, project_id)
        if answer is None:
            raise errors.ApiError(404, 'There is no such server.', 'not_found')
        response.status = call.status
        response.content_type = falcon.MEDIA_JSON
        response.set_headers(_HEADERS)
        response.data = json.dumps(answer).encode()

    def _ask(
        self, who: Mapping[str, Any], args: Mapping[str, Any]
    ) -> dict[str, Any]:
        method, args = calls.asked_of_the_leader(self._call, args)
        if not self._call.changes:
            return self._leader.call(who, method, args)
        name = one_line(f'{who["user_name"]} ({who["user_id"]})', 200)
        shown = one_line(json.dumps(args), 500)
        LOG.info('User %s asks for %s %s.', name, method, shown)
        try:
            with self._places.one(who):
                return self._leader.call(who, method, args)
        except RequestRefused as no:
            LOG.info('Request %s of user %s refused: %s', method, name, no)
            raise


def _check_own(args: Mapping[str, Any], project_id: str) -> None:
    """Let a project ask for nothing that tells of others.

    :raises ApiError: it does
    """
    if args.get('project', project_id) != project_id:
        raise errors.ApiError(
            403,
            f'project = {args["project"]} is not the project of your token. '
            'Leave it out.',
        )
    if 'host' in args:
        # Else whoever tries names learns who is together with whom.
        raise errors.ApiError(
            403, 'Only operators may ask for a host. Leave it out.'
        )


def _who(context: RequestContext, project_id: str | None) -> dict[str, Any]:
    """Who asks, for the leader's audit; and what it may show of."""
    return {
        'user_id': context.user_id,
        'user_name': context.user_name,
        'project_id': context.project_id,
        'roles': context.roles,
        'request_id': context.request_id,
        'scope': {'project_id': project_id} if project_id else None,
    }
