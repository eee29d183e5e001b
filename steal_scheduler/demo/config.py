"""The configuration files of the demo cloud, as text."""

from __future__ import annotations

import dataclasses
import pathlib

from steal_scheduler.demo import cells, driver, users
from steal_scheduler.demo.settings import Settings

# Nova's own pipeline, less the filters that do nothing here (CORS, proxies,
# profiler) and keystonemiddleware, in whose place identity.py stands.
_API_PASTE = """\
[composite:osapi_compute]
use = call:nova.api.openstack.urlmap:urlmap_factory
/: versions
/v2.1: version_v21
/v2.1/+: v21

[pipeline:versions]
pipeline = compute_req_id faultwrap versionsapp
[pipeline:version_v21]
pipeline = compute_req_id faultwrap version_v21app
[composite:v21]
use = call:nova.api.auth:pipeline_factory_v21
keystone = compute_req_id faultwrap sizelimit keystonecontext v21app

[filter:compute_req_id]
paste.filter_factory = \
nova.api.compute_req_id:ComputeReqIdMiddleware.factory
[filter:faultwrap]
paste.filter_factory = nova.api.openstack:FaultWrapper.factory
[filter:sizelimit]
paste.filter_factory = oslo_middleware:RequestBodySizeLimiter.factory
[filter:keystonecontext]
paste.filter_factory = nova.api.auth:NovaKeystoneContext.factory

[app:versionsapp]
paste.app_factory = nova.api.openstack.compute.versions:Versions.factory
[app:version_v21app]
paste.app_factory = nova.api.openstack.compute.versions:VersionsV2.factory
[app:v21app]
paste.app_factory = nova.api.openstack.compute:APIRouterV21.factory
"""

# What costs time and proves nothing here is off: checks of answers against
# their schemas, housekeeping of guests that the fake driver cannot lose,
# waiting for ports that no server has. Builds come one at a time, because all
# hosts share one interpreter and threads would only delay each other.
_NOVA_CONF = """\
[DEFAULT]
host = controller
my_ip = 127.0.0.1
state_path = {workdir}
instances_path = {workdir}/instances
log_file = {workdir}/nova.log
use_stderr = False
transport_url = fake:/
compute_driver = {driver}
max_concurrent_live_migrations = {concurrent_migrations}
max_concurrent_builds = 1
max_concurrent_snapshots = 1
manager_shutdown_timeout = 1
report_interval = 30
service_down_time = 120
periodic_fuzzy_delay = 0
update_resources_interval = {update_resources_interval}
scheduler_instance_sync_interval = {scheduler_instance_sync_interval}
heal_instance_info_cache_interval = -1
sync_power_state_interval = -1
shelved_poll_interval = -1
instance_delete_interval = -1
running_deleted_instance_poll_interval = 0
volume_usage_poll_interval = 0
vif_plugging_timeout = 0

[api]
response_validation = ignore
[wsgi]
api_paste_config = {workdir}/api-paste.ini
[api_database]
connection = {api_database}
sqlite_synchronous = False
[database]
connection = {database}
sqlite_synchronous = False
[oslo_concurrency]
lock_path = {workdir}/locks
[oslo_policy]
policy_file = {workdir}/policy.yaml
[oslo_messaging_notifications]
driver = noop
[image_cache]
manager_interval = -1
[scheduler]
workers = 1
[conductor]
workers = 1
[placement]
auth_type = admin_token
token = {token}
endpoint = {url}/placement
endpoint_override = {url}/placement
[neutron]
auth_type = admin_token
token = {token}
endpoint = {url}/network
endpoint_override = {url}/network
[glance]
endpoint_override = {url}/image
[keystone]
endpoint_override = {url}/identity/v3
[quota]
driver = nova.quota.NoopQuotaDriver
recheck_quota = False

[filter_scheduler]
{filter_scheduler}
"""

_PLACEMENT_CONF = """\
[api]
auth_strategy = noauth2
[placement_database]
connection = {placement_database}
sqlite_synchronous = False
sync_on_startup = True
"""

_CLOUD = """\
  {name}:
    auth:
      auth_url: {url}/identity/v3
      username: {name}
      password: {password}
      project_name: {project}
      user_domain_id: default
      project_domain_id: default
    region_name: demo
    identity_api_version: 3
"""

_NOVA_AUTH = """\
[nova]
auth_type = password
auth_url = {url}/identity/v3
username = {name}
password = {password}
project_name = {project}
user_domain_id = default
project_domain_id = default
region_name = demo
"""


def files(
    settings: Settings, url: str, workdir: pathlib.Path, token: str
) -> dict[str, str]:
    """The text of each file in workdir, by name.

    Nova logs in to Placement and Neutron with the token.
    """
    values = {
        **dataclasses.asdict(settings),
        'url': url,
        'workdir': workdir,
        'token': token,
        'driver': driver.COMPUTE_DRIVER,
        'api_database': cells.url(workdir, 'nova_api'),
        'database': cells.url(workdir, 'nova_cell1'),
        'placement_database': cells.url(workdir, 'placement'),
    }
    logins = (_login(_CLOUD, url, user) for user in users.USERS)
    return {
        'api-paste.ini': _API_PASTE,
        'nova.conf': _NOVA_CONF.format_map(values) + settings.nova_conf,
        'placement.conf': _PLACEMENT_CONF.format_map(values),
        'policy.yaml': settings.policy,
        'clouds.yaml': 'clouds:\n' + ''.join(logins),
    }


def nova_auth(url: str, user: users.User) -> str:
    """A ``[nova]`` section with which a client of the cloud logs in."""
    return _login(_NOVA_AUTH, url, user)


def _login(template: str, url: str, user: users.User) -> str:
    return template.format_map(dataclasses.asdict(user) | {'url': url})
