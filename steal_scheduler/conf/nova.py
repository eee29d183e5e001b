"""``[nova]``: how to reach Nova; keystoneauth's own options."""

from typing import Any

from keystoneauth1 import loading

from steal_scheduler.edge import keystone

GROUP = 'nova'

_ADAPTER = keystone.adapter_options(
    'valid_interfaces', 'region_name', 'endpoint_override'
)


def register(conf: Any) -> None:
    loading.register_session_conf_options(conf, GROUP)
    loading.register_auth_conf_options(conf, GROUP)
    conf.register_opts(_ADAPTER, group=GROUP)
    # A Nova that does not answer must not hold a tick for ever.
    conf.set_default('timeout', 60, group=GROUP)
    conf.set_default('valid_interfaces', ['internal', 'public'], group=GROUP)


def list_opts() -> list[Any]:
    return [
        *loading.get_session_conf_options(),
        *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options('password'),
        *_ADAPTER,
    ]
