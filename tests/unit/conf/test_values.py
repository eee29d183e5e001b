from oslotest import base

from steal_scheduler.conf import migrator, values
from steal_scheduler.exception import ConfigError
from tests.unit.signals.options import configuration


class TestJudge(base.BaseTestCase):
    def test_good(self) -> None:
        values.judge(configuration('migrator', migrator.OPTS))

    def test_of_the_wrong_kind(self) -> None:
        conf = configuration('migrator', migrator.OPTS)
        for name, value in (
            ('dry_run', 'perhaps'),
            ('poll_interval', 'soon'),
            ('metrics_port', '70000'),
        ):
            conf.set_default(name, value, group='migrator')
            error = self.assertRaises(ConfigError, values.judge, conf)
            self.assertIn(name, str(error))
            self.assertIn(value, str(error))
            conf.clear_default(name, group='migrator')
