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
            alerts = path.read_text().count('- alert: ')
            self.assertEqual(alerts, self._check(path))

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
