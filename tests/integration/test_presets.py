"""Every query of every preset, as Prometheus' own tool reads it."""

import json
import subprocess

from steal_scheduler.signals import presets
from tests.integration import base, daemons
from tests.integration.prometheus import source


class PresetsTest(base.TestCase):
    def test_promtool_reads_every_query(self):
        queries = [
            promql
            for name in presets.PRESETS
            if name != 'custom'
            for promql in source(preset=name).promql.values()
        ]
        path = self.directory() / 'rules.yml'
        rules = [
            {'record': f'x{n}', 'expr': promql}
            for n, promql in enumerate(queries)
        ]
        # JSON is YAML too.
        path.write_text(
            json.dumps({'groups': [{'name': 'x', 'rules': rules}]})
        )
        ran = subprocess.run(
            [daemons.program('promtool'), 'check', 'rules', str(path)],
            capture_output=True,
            text=True,
        )
        self.assertIn(f'{len(queries)} rules found', ran.stdout, ran.stderr)
        self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)
