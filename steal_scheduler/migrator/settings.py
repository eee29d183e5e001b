"""The options that are in force, as JSON, and no secret among them."""

import re
from typing import Any

from oslo_config import cfg

#: Of an URL: a name, a password, an @ in it; or a token alone.
_LOGIN = re.compile(r'//[^/\s]*@')
_HIDDEN = '****'


def settings(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """By group and name, as text."""
    found = []
    for group, options in sorted(conf.items()):
        if isinstance(options, cfg.ConfigOpts.GroupAttr):
            found += [_setting(conf, group, name) for name in sorted(options)]
        else:
            found.append(_setting(conf, None, group))
    return {'options': found}


def _setting(
    conf: cfg.ConfigOpts, group: str | None, name: str
) -> dict[str, Any]:
    option = conf._get_opt_info(name, group)['opt']
    value = conf[group][name] if group else conf[name]
    shown = ', '.join(map(str, value)) if isinstance(value, list) else value
    if value is not None:
        shown = _LOGIN.sub(f'//{_HIDDEN}@', str(shown))
    if option.secret and value:
        shown = _HIDDEN
    return {'group': group or 'DEFAULT', 'name': name, 'value': shown}
