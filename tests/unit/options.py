"""Options with some values, and as a person writes them: in a file."""

import pathlib
from collections.abc import Sequence
from typing import Any

import fixtures
from oslo_config import cfg
from oslotest import base

from steal_scheduler import startup
from steal_scheduler.conf import signals
from steal_scheduler.exception import ConfigError


def configuration(
    group: str, opts: Sequence[Any], **values: Any
) -> cfg.ConfigOpts:
    """Return one for a source or an orchestrator, in this group."""
    conf = cfg.ConfigOpts()
    conf.register_opts(signals.OPTS, group='signals')
    conf.register_opts(opts, group=group)
    conf([], default_config_files=[])
    for name, value in values.items():
        conf.set_override(name, value, group=group)
    return conf


class FileTestCase(base.BaseTestCase):
    def load(self, opts: Sequence[Any], *lines: str) -> Any:
        """The section of a file with these lines; all of it is checked."""
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'x.conf')
        path.write_text('\n'.join(['[section]', *lines]))
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
