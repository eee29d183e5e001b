"""``[nova]``: how to reach Nova; keystoneauth's own options."""

from keystoneauth1 import loading

from steal_scheduler.edge import keystone

OPTS = [
    *loading.get_session_conf_options(),
    *loading.get_auth_common_conf_options(),
    *keystone.adapter_options(
        'valid_interfaces', 'region_name', 'endpoint_override'
    ),
]

#: What ``auth_type = password`` brings besides: for the reference alone, as
#: keystoneauth registers those of the type that is set.
PASSWORD_OPTS = loading.get_auth_plugin_conf_options('password')
