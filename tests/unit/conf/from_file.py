"""Options as a person writes them: in a file."""

import os
from collections.abc import Sequence
from typing import Any

import fixtures
from oslo_config import cfg
from oslotest import base

from steal_scheduler import startup
from steal_scheduler.exception import ConfigError


class FileTestCase(base.BaseTestCase):
    def load(self, opts: Sequence[Any], *lines: str) -> Any:
        """The section of a file with these lines; all of it is checked."""
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'x.conf')
        with open(path, 'w') as file:
            file.write('\n'.join(['[section]', *lines]))
        conf = cfg.ConfigOpts()
        conf.register_opts(opts, group='section')
        conf([f'--config-file={path}'], default_config_dirs=[])
        startup.check_values(conf)
        return conf.section

    def refuse(self, opts: Sequence[Any], line: str, *words: str) -> None:
        """Section, option, value, what is wrong, what to do, and where."""
        error = self.assertRaises(ConfigError, self.load, opts, line)
        self.assertIn(f'[section] {line}: ', str(error))
        self.assertRegex(str(error), r'Correct it in /\S+x\.conf\.$')
        for word in words:
            self.assertIn(word, str(error))
