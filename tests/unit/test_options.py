"""Every option of ours, and why an operator needs it.

Nobody can tune 0.84: what nobody knows a value for is a constant. Whoever adds
an option writes here who knows its value, and from where.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg, types
from oslotest import base

from steal_scheduler.conf import api, orchestrators, scheduler
from steal_scheduler.exporter import options as exporter
from steal_scheduler.migrator import plugins

#: They have to be fewer than this; say in the commit why one more is needed.
MOST = 100

#: Section -> option -> who knows its value. ``*`` stands for the section of
#: any orchestrator.
REASONS: Mapping[str, Mapping[str, str]] = {
    'migrator': {
        'dry_run': 'watch first, then move: the operator decides when',
        'reset_state': 'whose policy leaves us no such right knows it',
        'poll_interval': 'the scrape interval of this cloud bounds it',
        'orchestrators': 'what servers belong to is this cloud alone',
        'lock_url': 'where the lock store of this cloud is',
        'lease': 'how long a call may take here, and how soon another leads',
        'tag_keys': "a secret, and how it is changed, is the operator's",
        'metrics_host': 'the address from which Prometheus scrapes',
        'metrics_port': 'another program may have the port',
    },
    'signals': {
        'source': 'who measures: Prometheus, or a script',
        'max_age': 'the scrape interval of this cloud bounds it',
    },
    'prometheus': {
        'url': 'where Prometheus is',
        'preset': 'which exporter runs on the hypervisors',
        'selector': 'which series are this cloud, where a store has several',
        'window': 'the scrape interval of this cloud bounds it',
        'token_file': 'a proxy before Prometheus wants a bearer token',
        'timeout': 'how slow a loaded Prometheus may be',
    },
    'static': {'path': 'where the script writes'},
    'detection': {
        'steal_threshold': 'what the services of this cloud tolerate',
        'load_threshold': 'what the services of this cloud tolerate',
        'bad_seconds_threshold': 'how many spikes services tolerate',
        'polls_contended': 'how soon to move, against how often in vain',
        'polls_window': 'how soon to move, against how often in vain',
    },
    'limits': {
        'slots': 'how many migrations the network carries at once',
        'slots_per_target': 'how many arrivals a host stands',
        'max_unavailable': 'how many servers of a service may be missing',
        'copy_rate': 'what the migration network carries',
        'cooldown': 'how often a tenant may be disturbed',
        'breaker_failures': 'how many failures are a pattern here',
        'breaker_pause': 'how long a person takes to look',
        'coverage_floor': 'how many servers nobody measures here',
        'blackout': 'when nothing may move',
    },
    'hosts': {
        'host_steal_threshold': 'when a host is too bad to be a target',
        'network_threshold': 'what else their network is for',
        'target_demand': 'how much room is kept on hosts',
        'shared_storage': 'whether disks lie on Ceph or NFS',
        'keep_room_for_host_failure': 'whether a host may die without a spare',
    },
    'host_checks': {
        'disabled_checks': 'pinned clouds, for example, fail zero_wait',
    },
    'stages': {
        'drain_timeout': 'how long the slowest service takes to drain',
        'migration_timeout': 'how long a copy may be no trouble',
        'longest_migration': 'how long a service does without a server',
        'reattach_alarm': 'when a person is called',
    },
    'roles': {
        'role_metadata_key': 'how tenants name what a server is for',
        'role_name_pattern': 'how servers are named here',
        'project_groups': 'which projects are of one owner',
    },
    'steal_scheduler': {
        'steal_weight_multiplier': 'what steal counts beside other weighers',
        'view_max_age': 'poll_interval of the migrator bounds it',
        'role_lookup': 'whether a query a request is worth it',
        'strict_moves': 'rather no move than to a hot host',
        'strict_boots': 'rather no server than on a hot host',
        'role_metadata_key': 'as in the migrator',
        'role_hint': 'how tenants hint at it at boot',
        'role_name_pattern': 'as in the migrator',
    },
    'api': {
        'listen_host': 'the address at which its proxy reaches it',
        'listen_port': 'another program may have the port',
    },
    'exporter': {
        'listen_host': 'the address from which Prometheus scrapes',
        'listen_port': 'another program may have the port',
        'wait_limit': 'what the services of this cloud tolerate',
        'load_limit': 'what the services of this cloud tolerate',
        'cores': 'cpu_shared_set of nova.conf',
        'proc_path': 'where a container has the host mounted',
        'cgroup_path': 'where a container has the host mounted',
    },
    '*': {
        'driver': 'two clusters of one kind need two names',
        'all_servers': 'whom it serves',
        'roles': 'whom it serves',
        'projects': 'whom it serves',
        'name_pattern': 'whom it serves',
        'node_name': 'what servers are called there',
    },
    'command': {
        'path': 'the script of the operator',
        'timeout': 'how long the script may take',
        'lists_detached': 'whether the script can list',
    },
    'webhook': {
        'url': 'where the receiver is',
        'signing_key_file': 'the secret shared with the receiver',
        'timeout': 'how long the receiver may take',
        'cafile': 'who signed its certificate',
        'certfile': 'receivers that want a client certificate',
        'lists_detached': 'whether the receiver can list',
        'takes_notices': 'one that took it for a drain would drain',
    },
    'kubernetes': {
        'kubeconfig': 'where the cluster is, and who we are there',
        'context': 'a kubeconfig may hold several clusters',
        'timeout': 'how long the API may take',
        'mode': 'cordon only, or evict as well',
        'empty_dir': 'whether pods with local data may be evicted',
        'unmanaged': 'whether pods that nobody recreates may be evicted',
        'grace_period': 'overrides that of the pods',
        'max_drained': 'how many nodes of the cluster may be missing',
        'wait_for': 'when a node counts as drained',
    },
    'consul': {
        'address': 'where the agents of the nodes listen',
        'networks': 'on which of their networks the agents listen',
        'catalog': 'which agent is asked for the catalog',
        'token_file': 'the ACL token',
        'cafile': 'who signed the certificates',
        'certfile': 'clusters that want a client certificate',
        'tls_server_name': 'the name in the certificates of the agents',
        'insecure': 'a lab without certificates',
        'timeout': 'how long an agent may take',
        'settle': 'how long clients keep an old answer',
        'unreachable': 'what an agent that does not answer means',
    },
    'octavia': {
        'auth_section': 'whose login is used',
        'timeout': 'how long Octavia may take',
        'settle': 'how long connections last',
        'pools': 'which pools are ours to change',
    },
}

UNITS = (
    'second',
    'percent',
    'mib',
    'cores',
    'servers',
    'nodes',
    'hosts',
    'polls',
    'migrations',
    'port',
    'per vcpu',
    'weight',
)

#: They come with a login, under keystoneauth's own names.
FOREIGN = frozenset(
    option.dest
    for option in (
        *loading.get_session_conf_options(),
        *loading.get_auth_common_conf_options(),
    )
)


def ours() -> Iterator[tuple[str, Any]]:
    """(section, option) for each option that this project has invented."""
    shared = {option.dest for option in orchestrators.OPTS}
    seen: set[tuple[str, str]] = set()
    for section, options in (
        *plugins.list_opts(),
        *api.list_opts(),
        *exporter.list_opts(),
        *scheduler.list_opts(),
    ):
        for option in options:
            of = section
            if shared <= {o.dest for o in options} and option.dest in shared:
                of = '*'
            known = option.dest in REASONS.get(of, {})
            foreign = section == 'nova' or (
                option.dest in FOREIGN and not known
            )
            if not foreign and (of, option.dest) not in seen:
                seen.add((of, option.dest))
                yield of, option


class TestOptions(base.BaseTestCase):
    def test_each_has_a_reason(self) -> None:
        found = {(section, option.dest) for section, option in ours()}
        expected = {(s, o) for s, options in REASONS.items() for o in options}
        self.assertEqual(expected, found)

    def test_they_are_few(self) -> None:
        # A role is read in two programs, by the same two options.
        count = len(list(ours())) - 2
        print(f'{count} options')
        self.assertLessEqual(count, MOST)

    def test_a_number_has_bounds_and_a_unit(self) -> None:
        for section, option in ours():
            if not isinstance(option.type, types.Number):
                continue
            name = f'[{section}] {option.dest}'
            self.assertIsNotNone(option.type.min, name)
            self.assertIsNotNone(option.type.max, name)
            text = option.help.lower()
            self.assertTrue(
                any(unit in text for unit in UNITS),
                f'{name} has no unit in its help',
            )

    def test_no_default_is_out_of_its_own_bounds(self) -> None:
        for section, option in ours():
            if option.default is None or section == '*':
                continue
            conf = cfg.ConfigOpts()
            conf.register_opt(option, group='any')
            conf([], default_config_files=[], default_config_dirs=[])
            value = conf['any'][option.dest]
            if isinstance(value, float):
                self.assertTrue(math.isfinite(value), option.dest)

    def test_nonsense_is_refused(self) -> None:
        """A share for a percentage, a percentage for a load, and the like."""
        listed = {(s, o.dest): o for s, o in ours()}
        for section, name, nonsense in (
            ('detection', 'steal_threshold', '0.1'),
            ('detection', 'load_threshold', '70'),
            ('detection', 'bad_seconds_threshold', '0.1'),
            ('detection', 'polls_contended', '0'),
            ('hosts', 'host_steal_threshold', '0.05'),
            ('hosts', 'target_demand', '0.9'),
            ('limits', 'coverage_floor', '0.8'),
            ('limits', 'slots', '0'),
            ('limits', 'copy_rate', '-1'),
            ('limits', 'cooldown', '1h'),
            ('migrator', 'poll_interval', '0'),
            ('stages', 'drain_timeout', '0'),
            ('exporter', 'wait_limit', '0.1'),
            ('signals', 'max_age', '0'),
        ):
            option = listed[section, name]
            conf = cfg.ConfigOpts()
            conf.register_opt(option, group='any')
            conf([], default_config_files=[], default_config_dirs=[])
            self.assertRaises(
                ValueError, conf.set_override, name, nonsense, group='any'
            )
