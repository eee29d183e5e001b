"""Log-ins by keystoneauth: who we are, to Nova, Octavia or an Aetos."""

from typing import Any

from keystoneauth1 import exceptions, loading
from oslo_config import cfg

from steal_scheduler.edge import checks, http
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import ConfigError, told_as

#: Of ``valid_interfaces``.
_INTERFACES = ('public', 'internal', 'admin')


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
        section = conf[group].auth_section
        if section:
            where += f'auth_section = {section}: [{section}] '
        auth = loading.load_auth_from_conf_options(conf, group)
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError) as error:
        # What is missing may be a piece of a password.
        raise ConfigError(
            f'{where}auth_type and its options: a $ in one refers to another '
            'option, and there is none of that name. Write $$ for a $.'
        ) from error
    except (exceptions.ClientException, cfg.Error) as error:
        said = str(error).removesuffix('.')
        raise ConfigError(
            f'{where}auth_type and its options: {said}. Correct them.'
        ) from error
    if auth is None and needed:
        missing = checks.missing_section(conf, section or group)
        raise ConfigError(
            f'{where}auth_type is not set{missing}. Set it, for example to '
            'password.'
        )
    if auth is not None:
        _check_login(where, conf[section or group])
    return auth


def _check_login(where: str, options: Any) -> None:
    """What keystoneauth finds missing when it logs in, if at all.

    :param options: those of the section, also of its kind of log-in
    :raises ConfigError: one is missing, or wrong
    """
    url = options.auth_url if 'auth_url' in options else None
    if url:
        _check_url(f'{where}auth_url', url, 'http://controller:5000/v3')
    # Of a kind that logs in by name and password; v3totp has a passcode.
    if 'user_id' in options and 'password' in options:
        if not (options.username or options.user_id):
            raise ConfigError(
                f'{where}username is not set. Set the name of a user of '
                'Keystone.'
            )
        if options.password is None:
            raise ConfigError(
                f'{where}password is not set. Set that of the user '
                f'{options.username or options.user_id!r}.'
            )


def check_endpoint(section: str, options: Any) -> None:
    """Look at the options that tell where a service is.

    :raises ConfigError: one cannot be
    """
    where = f'[{section}] '
    if url := options.endpoint_override:
        example = 'http://controller:8774/v2.1'
        _check_url(f'{where}endpoint_override', url, example)
    for name in options.valid_interfaces or ():
        if name.removesuffix('URL') not in _INTERFACES:
            raise ConfigError(
                f'{where}valid_interfaces = {name}: there is no such '
                f'interface. Use {", ".join(_INTERFACES)}.'
            )


def _check_url(option: str, said: str, example: str) -> None:
    if checks.http_url(said) is None:
        raise ConfigError(
            f'{option} = {checks.without_password(said)!r} is no address of '
            f'a server. Use, for example, {example}.'
        )


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


def nonsense(error: Exception) -> str:
    """What keystoneauth trips over in an answer of Keystone.

    :param error: one of ``sense.NONSENSE``
    """
    said = one_line(f'{type(error).__name__}: {error}', 200)
    return (
        f'what answers as Keystone makes no sense ({said}). Check auth_url, '
        'and what answers there.'
    )


def refused(section: str, error: Exception) -> str:
    """That Keystone does not let us in, and what to do.

    :param section: whose user it is
    """
    return (
        f'Keystone refuses the user of [{section}]: {one_line(error)}. Check '
        f'username, password, project and domains of [{section}].'
    )
