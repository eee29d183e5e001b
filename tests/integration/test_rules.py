"""The alert rules, as each Prometheus and each deployer loads them."""

import pathlib
import re
import subprocess
import textwrap

import yaml

from tests.integration import daemons

ROOT = pathlib.Path(__file__).parents[2]
RULES = ROOT / 'etc/prometheus'


#: Of a migrator that leads, and lets moves begin; each by its labels.
LEADS = {
    'steal_migrator_leader{job="m",instance="i"}': 1,
    'steal_migrator_dry_run{job="m",instance="i"}': 0,
    'steal_migrator_view_sent{job="m",instance="i"}': 1,
}
ENDED = 'steal_migrator_moves_total{job="m",instance="i",outcome="%s"}'


def of(name, **labels):
    """A series of that migrator's."""
    more = ''.join(f',{key}="{value}"' for key, value in labels.items())
    return f'steal_migrator_{name}{{job="m",instance="i"{more}}}'


#: What makes each alert fire, and what it does not fire for: series of five
#: minutes each, a number for one that stays. Others are those of ``LEADS``.
CASES = {
    'StealMigratorDown': (
        {'up{job="steal-migrator"}': 0},
        {'up{job="steal-migrator"}': 1},
    ),
    'StealNoLeader': ({of('leader'): 0}, {}),
    'StealTwoLead': (
        {'steal_migrator_leader{job="m",instance="j"}': 1},
        {'steal_migrator_leader{job="m",instance="j"}': 0},
    ),
    'StealMigratorNotTicking': (
        {of('last_tick_timestamp_seconds'): 0},
        {of('last_tick_timestamp_seconds'): '0+300x4000'},
    ),
    'StealTickErrors': (
        {of('tick_errors_total'): '0+2x4000'},
        {of('tick_errors_total'): 9},
    ),
    'StealNovaUnread': (
        {of('refusals', reason='nova'): 1},
        {of('refusals', reason='nova'): 1, of('leader'): 0},
    ),
    'StealSignalsLost': (
        {of('refusals', reason='signals'): 1},
        {of('refusals', reason='signals'): 0},
    ),
    'StealCoverageLow': (
        {of('refusals', reason='coverage'): 1},
        {of('refusals', reason='coverage'): 0},
    ),
    'StealHostMetricsUnreliable': (
        {of('unreliable_hosts', reason='stale'): 2},
        {of('unreliable_hosts', reason='stale'): 0},
    ),
    'StealViewNotSent': ({of('view_sent'): 0}, {}),
    'StealViewNotTaken': (
        {of('schedulers'): 0},
        {of('schedulers'): 0, of('dry_run'): 1},
    ),
    'StealBreakerOpen': (
        {of('refusals', reason='breaker_source'): 1},
        {of('refusals', reason='breaker_source'): 0},
    ),
    'StealReattachBlocked': (
        {of('reattach_blocked_servers'): 1},
        {of('reattach_blocked_servers'): 0},
    ),
    'StealPausedForLong': (
        {of('pauses', scope='zone'): 1},
        # Half a day, each day anew.
        {of('pauses', scope='zone'): ' '.join(['1x143', '0x143'] * 10)},
    ),
    'StealPolicyIgnored': (
        {of('ignored_policies'): 1},
        {of('ignored_policies'): 0},
    ),
    'StealMoveStalled': ({of('stalled_moves'): 1}, {of('stalled_moves'): 0}),
    'StealZoneSaturated': (
        {of('saturated_cores', zone='z', scarce='ram'): 2},
        {},
    ),
    'StealCopiesInVain': (
        {of('copied_bytes_total', outcome='failed'): '0+1e9x4000'},
        {
            of('copied_bytes_total', outcome='failed'): '0+1e9x4000',
            of('copied_bytes_total', outcome='helped'): '0+9e9x4000',
        },
    ),
    'StealMovesHarm': (
        {
            of('harm_core_seconds_total', zone='z'): '0+2x4000',
            of('relief_core_seconds_total', zone='z'): '0+1x4000',
        },
        {
            of('harm_core_seconds_total', zone='z'): '0+1x4000',
            of('relief_core_seconds_total', zone='z'): '0+2x4000',
        },
    ),
    'StealMovesDoNotHelp': (
        {ENDED % 'failed': '0+2x4000', ENDED % 'helped': '0+1x4000'},
        {ENDED % 'failed': '0+1x4000', ENDED % 'helped': '0+2x4000'},
    ),
    'StealMovesComeToNothing': (
        {
            ENDED % 'not_started': '0+1x4000',
            ENDED % 'unmeasured': '0+1x4000',
            ENDED % 'helped': 7,
        },
        {ENDED % 'not_started': '0+1x4000', ENDED % 'helped': '0+1x4000'},
    ),
    'StealNothingCures': (
        {of('contended_servers'): 3, ENDED % 'helped': 7},
        {of('contended_servers'): 3, ENDED % 'helped': '0+1x4000'},
    ),
    'StealDryRunForDays': ({of('dry_run'): 1}, {}),
    'StealSchedulerWithoutView': (
        {of('view_acknowledged_timestamp_seconds', host='c'): 0},
        {of('view_acknowledged_timestamp_seconds', host='c'): '0+300x4000'},
    ),
    'StealApprovalsOpen': (
        {of('open_approvals'): 2},
        {of('open_approvals'): 0},
    ),
    'StealExporterDown': (
        {'up{job="steal-exporter",instance="e"}': 0},
        {'up{job="steal-exporter",instance="e"}': 1},
    ),
    'StealExporterRefused': (
        {'steal_exporter_read_failures_total{reason="denied"}': '0+1x4000'},
        {
            'steal_exporter_read_failures_total{reason="ended"}': '0+1x4000',
            'steal_exporter_read_failures_total{reason="denied"}': 3,
            'steal_exporter_servers_without_vcpus': 0,
        },
    ),
}
#: When it is looked whether an alert fires, where eight hours are too short.
EVALUATED = {
    'StealPausedForLong': '26h',
    'StealCopiesInVain': '26h',
    'StealDryRunForDays': '170h',
}


class RulesTest(daemons.TestCase):
    def _check(self, path):
        ran = subprocess.run(
            [daemons.program('promtool'), 'check', 'rules', str(path)],
            capture_output=True,
            text=True,
        )
        self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)
        return int(re.search(r'(\d+) rules found', ran.stdout)[1])

    def test_by_every_ending(self):
        # kolla-ansible finds *.rules, others *.yml.
        for ending in ('*.rules', '*.yml'):
            (path,) = RULES.glob(ending)
            text = path.read_text()
            rules = text.count('- alert: ') + text.count('- record: ')
            self.assertEqual(rules, self._check(path))

    def test_each_alert_fires_and_does_not(self):
        """For its reason, and not for what looks like it."""
        text = (RULES / 'steal-scheduler.rules').read_text()
        self.assertEqual(re.findall(r'- alert: (\w+)', text), [*CASES])
        rules = yaml.safe_load(text)['groups'][0]['rules']
        directory = self.directory()
        paths = []
        for rule in rules:
            alert = rule['alert']
            # Alone, or all of them would be worked out for each.
            alone = {'groups': [{'name': 'one', 'rules': [rule]}]}
            (directory / f'{alert}.rules').write_text(yaml.safe_dump(alone))
            tests = [
                self._case(alert, series, fires)
                for fires, series in zip((1, 0), CASES[alert], strict=True)
            ]
            paths.append(directory / f'{alert}.test.yml')
            paths[-1].write_text(
                yaml.safe_dump(
                    {
                        'rule_files': [f'{alert}.rules'],
                        'evaluation_interval': '5m',
                        'tests': tests,
                    }
                )
            )
        ran = subprocess.run(
            [daemons.program('promtool'), 'test', 'rules', *map(str, paths)],
            capture_output=True,
            text=True,
        )
        self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)

    def _case(self, alert, series, fires):
        """After what it waits for."""
        firing = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
        return {
            'interval': '5m',
            'input_series': [
                {
                    'series': name,
                    'values': value
                    if isinstance(value, str)
                    else f'{value}x4000',
                }
                for name, value in (LEADS | series).items()
            ],
            'promql_expr_test': [
                {
                    'expr': f'count({firing}) or vector(0)',
                    'eval_time': EVALUATED.get(alert, '8h'),
                    'exp_samples': [{'labels': '{}', 'value': fires}],
                }
            ],
        }

    def test_bytes_copied_in_vain(self):
        """Only where they are many, and a good part of all."""
        name = 'steal_migrator_copied_bytes_total'
        # Per hour of a day, by moves that failed and by those that helped.
        for failed, helped, fires in (
            (4e9, 4e9, True),
            (4e9, 20e9, False),
            (1e9, 0, False),
        ):
            series = [
                {
                    'series': f'{name}{{job="m",outcome="{outcome}"}}',
                    'values': f'0+{hourly:.0f}x30',
                }
                for outcome, hourly in (('failed', failed), ('helped', helped))
            ]
            expected = {'exp_labels': {'severity': 'warning', 'job': 'm'}}
            self._test(
                series,
                {
                    'eval_time': '25h',
                    'alertname': 'StealCopiesInVain',
                    'exp_alerts': [expected] if fires else [],
                },
            )

    def test_policies_that_are_ignored(self):
        """Of the one that leads; not for a moment, and not on standby."""
        for ignored, leads, hour, fires in (
            (1, 1, '2h', True),
            (1, 1, '5m', False),
            (0, 1, '2h', False),
            (1, 0, '2h', False),
        ):
            series = [
                {
                    'series': f'steal_migrator_{name}{{job="m",instance="i"}}',
                    'values': f'{value}x9',
                }
                for name, value in (
                    ('ignored_policies', ignored),
                    ('leader', leads),
                )
            ]
            labels = {'severity': 'warning', 'job': 'm', 'instance': 'i'}
            self._test(
                series,
                {
                    'eval_time': hour,
                    'alertname': 'StealPolicyIgnored',
                    'exp_alerts': [{'exp_labels': labels}] if fires else [],
                },
            )

    def _test(self, series, alert):
        """Let promtool say whether the alert is as expected.

        What it tells in words is not looked at.
        """
        (path,) = RULES.glob('*.rules')
        rules = yaml.safe_load(path.read_text())
        for rule in rules['groups'][0]['rules']:
            rule['annotations'] = {}
        directory = self.directory()
        (directory / 'rules.yml').write_text(yaml.safe_dump(rules))
        test = directory / 'test.yml'
        tested = {
            'interval': '1h',
            'input_series': series,
            'alert_rule_test': [alert],
        }
        test.write_text(
            yaml.safe_dump(
                {
                    'rule_files': ['rules.yml'],
                    'evaluation_interval': '1h',
                    'tests': [tested],
                }
            )
        )
        ran = subprocess.run(
            [daemons.program('promtool'), 'test', 'rules', str(test)],
            capture_output=True,
            text=True,
        )
        self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)

    def test_as_a_prometheus_rule(self):
        text = (ROOT / 'doc/source/admin/metrics.rst').read_text()
        (script,) = re.findall(r'code-block:: bash\n\n((?:   .*\n)+)', text)
        directory = self.directory()
        rules = RULES / 'steal-scheduler.rules'
        (directory / rules.name).write_text(rules.read_text())
        subprocess.run(
            ['bash', '-c', textwrap.dedent(script)], cwd=directory, check=True
        )
        (made,) = directory.glob('*.prometheusrule.yaml')
        found = yaml.safe_load(made.read_text())
        self.assertEqual('PrometheusRule', found['kind'])
        self.assertEqual(yaml.safe_load(rules.read_text()), found['spec'])
        # An operator hands spec to Prometheus as it is.
        spec = directory / 'spec.yaml'
        spec.write_text(yaml.safe_dump(found['spec']))
        self.assertGreater(self._check(spec), 0)
