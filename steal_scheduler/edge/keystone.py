"""Log-ins by keystoneauth: who we are, to Nova, Octavia or an Aetos."""

from typing import Any

from keystoneauth1 import exceptions, loading
from oslo_config import cfg

from steal_scheduler.edge import http
from steal_scheduler.exception import ConfigError, told_as


def load_auth(
    conf: Any, group: str, prefix: str = '', *, needed: bool = True
) -> Any:
    """The log-in that a section describes, or that its ``auth_section`` does.

    :param prefix: how an error begins, where another option led here:
        ``[lb] auth_section = nova: ``
    :param needed: else None where the section says of none
    :raises ConfigError: an option is wrong, or missing
    """
    where = f'{prefix}[{group}] '
    try:
        loading.register_auth_conf_options(conf, group)
        if section := conf[group].auth_section:
            where += f'auth_section = {section}: [{section}] '
        auth = loading.load_auth_from_conf_options(conf, group)
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError) as error:
        # What is missing may be a piece of a password.
        raise ConfigError(
            f'{where}auth_type and its options: a $ in one refers to another '
            'option, and there is none of that name. Write $$ for a $.'
        ) from error
    except (exceptions.ClientException, cfg.Error) as error:
        raise ConfigError(
            f'{where}auth_type and its options: {error}. Correct them.'
        ) from error
    if auth is None and needed:
        raise ConfigError(
            f'{where}auth_type is not set. Set it, for example to password.'
        )
    return auth


def load_session(conf: Any, group: str, auth: Any, **options: Any) -> Any:
    """keystoneauth's session, each of its exchanges bounded.

    :param options: that count for more than those of the section: timeout
    :raises ConfigError: OpenSSL does not know an option
    """
    # An older keystoneauth has no such option. What is wrong with it, OpenSSL
    # says.
    ciphers = getattr(conf[group], 'tls_ciphers', None)
    with told_as(
        f'[{group}] tls_ciphers = {ciphers}: ',
        ConfigError,
        '. Correct it, or leave it out.',
    ):
        session = loading.load_session_from_conf_options(
            conf, group, auth=auth, **options
        )
    http.bind(session.session)
    return session


def adapter_options(*names: str) -> list[Any]:
    """keystoneauth's options about a service's place in the catalog."""
    known = loading.get_adapter_conf_options(include_deprecated=False)
    return [option for option in known if option.dest in names]


def refused(section: str, error: Exception) -> str:
    """That Keystone does not let us in, and what to do.

    :param section: whose user it is
    """
    return (
        f'Keystone refuses the user of [{section}]: {error}. Check username, '
        f'password and project of [{section}].'
    )
