"""The alert rules, as each Prometheus and each deployer loads them."""

import pathlib
import re
import subprocess
import textwrap

import yaml

from tests.integration import daemons

ROOT = pathlib.Path(__file__).parents[2]
RULES = ROOT / 'etc/prometheus'


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
