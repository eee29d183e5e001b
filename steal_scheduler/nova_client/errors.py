"""What a call of Nova has failed with, in our words."""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import keystoneauth1.exceptions
import novaclient.exceptions

from steal_scheduler import exception
from steal_scheduler.edge import http, keystone, sense
from steal_scheduler.edge.text import one_line

#: Around what reads its answers, which may be those of a proxy in between.
sensible = functools.partial(
    sense.sensible, "Nova's answer", exception.NovaError
)


@contextlib.contextmanager
def in_our_words(login: str) -> Iterator[None]:
    """Raise ours for what novaclient and keystoneauth raise.

    :param login: the section that it is in
    """
    try:
        # novaclient looks at no type.
        with sensible():
            yield
    except novaclient.exceptions.NotFound as error:
        raise exception.ServerGone(one_line(error)) from error
    except novaclient.exceptions.Forbidden as error:
        raise exception.NovaForbids(one_line(error)) from error
    except novaclient.exceptions.UnsupportedVersion as error:
        raise exception.NovaError(
            f"Nova's answer makes no sense: {one_line(error)}"
        ) from error
    except novaclient.exceptions.ClientException as error:
        if 400 <= error.code < 500 and error.code not in (408, 413, 429):
            raise exception.NovaRefused(one_line(error)) from error
        raise exception.NovaError(f'Nova failed: {one_line(error)}') from error
    except keystoneauth1.exceptions.Unauthorized as error:
        why = keystone.refused(login, error)
        raise exception.LoginRefused(why) from error
    except keystoneauth1.exceptions.CatalogException as error:
        raise exception.NovaSilent(
            f"Nova was not asked, for Keystone's catalog names none: "
            f'{one_line(error)} Correct [nova] region_name and '
            'valid_interfaces, or set endpoint_override.'
        ) from error
    # A missing cafile is an OSError.
    except (keystoneauth1.exceptions.ClientException, OSError) as error:
        why = f'Nova does not answer: {http.unanswered(error)}'
        raise exception.NovaSilent(why) from error


def log_in(session: Any, login: str) -> None:
    """Get a token of Keystone, unless there is one that still holds.

    :param session: keystoneauth's
    :param login: the section that says how
    :raises LoginRefused: Keystone does not let us in
    :raises NovaSilent: it does not answer
    """
    try:
        session.get_auth_headers()
    except keystoneauth1.exceptions.HTTPClientError as error:
        why = keystone.refused(login, error)
        raise exception.LoginRefused(why) from error
    except (keystoneauth1.exceptions.ClientException, OSError) as error:
        raise exception.NovaSilent(
            'Nova was not asked, for Keystone does not answer: '
            f'{http.unanswered(error)}. Check [{login}] auth_url, '
            '[nova] cafile, certfile and keyfile, and that Keystone runs.'
        ) from error
    except sense.NONSENSE as error:
        where = f'[{login}] auth_url: {keystone.nonsense(error)}'
        raise exception.NovaSilent(
            f'Nova was not asked, for {where}'
        ) from error
