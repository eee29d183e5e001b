import pathlib

import fixtures
from oslotest import base

from steal_scheduler.cmd import config_warnings
from steal_scheduler.conf import load
from steal_scheduler.migrator import build
from tests.unit.deployment import Deployment

ROOT = pathlib.Path(__file__).parents[3]
#: What others read: when they are used, or by another's choice.
KNOWN = """
[DEFAULT]
debug = False
use_journal = True
transport_url = fake:/
rpc_response_timeout = 9
graceful_shutdown_timeout = 9
[oslo_messaging_rabbit]
heartbeat_timeout_threshold = 9
ssl = True
[oslo_messaging_notifications]
driver = noop
[oslo_messaging_kafka]
producer_batch_size = 9
[oslo_reports]
log_dir = /tmp
[migrator]
orchestrators = lb, prod
[lb]
driver = octavia
auth_section = login
pools = p
[prod]
driver = kubernetes
kubeconfig = /x
roles = web
# Neither is named now.
[kubernetes]
mode = cordon
[static]
path = /x
[prometheus]
auth_type = http_basic
username = u
password = p
[NOVA]
auth_type = v3applicationcredential
application_credential_id = i
application_credential_secret = s
cafile = c
region_name = r
# What was there before.
username = u
[login]
auth_type = v3oidcpassword
identity_provider = i
region_name = r
"""
MISTAKES = {
    '[limits]\nblackot = 09:00-10:00': 'Did you mean blackout?',
    '[limts]\nslots = 1': 'Did you mean [limits]?',
    '[limits]\npoll_interval = 9': 'Did you mean that of [migrator]?',
    '[lb]\nrole = web': 'Did you mean roles?',
    '[prod]\npath = /x': 'there is no such option',
    '[migratr]\ndry_run = False': 'Did you mean [migrator]?',
    '[nova]\npasword = x': 'Did you mean password?',
    '[oslo_messaging_rabit]\nssl = 1': 'Did you mean [oslo_messaging_rabbit]?',
    '[cluster-2]\ndriver = kubernetes': 'Name it in [migrator] orchestrators',
}


class TestMisspelt(base.BaseTestCase):
    def misspelt(self, text: str) -> list[str]:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'x.conf')
        path.write_text(text)
        return config_warnings.misspelt(
            load.load([f'--config-file={path}'], 'a test')
        )

    def test_what_others_read(self) -> None:
        self.assertEqual([], self.misspelt(KNOWN))

    def test_mistakes(self) -> None:
        for text, said in MISTAKES.items():
            (line,) = self.misspelt(f'{KNOWN}\n{text}\n')
            self.assertIn(text.partition('\n')[0], line)
            self.assertIn(said, line)

    def test_the_sample(self) -> None:
        sample = ROOT / 'etc/steal_scheduler/steal-migrator.conf.example'
        self.assertEqual([], self.misspelt(sample.read_text()))

    def test_what_has_no_sense(self) -> None:
        """What is wrong besides is told by others."""
        self.assertEqual(
            [],
            self.misspelt(
                '[migrator]\norchestrators = x,, command\n'
                '[x]\ndriver = no_such\n[nova]\nauth_type = no_such\n'
            ),
        )


class TestConfigWarnings(base.BaseTestCase):
    def test_both_kinds(self) -> None:
        wrong = '[hosts]\nhost_steal_threshold = 50\nsharedstorage = True'
        conf = self.useFixture(Deployment(wrong)).conf()
        build.build(conf)
        unread, together = config_warnings.warnings(conf)
        self.assertIn('Did you mean shared_storage?', unread)
        self.assertIn('host_steal_threshold = 50 percent', together)
