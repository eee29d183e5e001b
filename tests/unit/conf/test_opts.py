import re

from keystoneauth1 import loading
from oslotest import base

from steal_scheduler.conf import scheduler
from steal_scheduler.migrator import plugins

#: What a plugin that logs in lists of keystoneauth's, in their words.
KEYSTONEAUTH = [
    *loading.get_session_conf_options(),
    *loading.get_auth_common_conf_options(),
]


class TestOpts(base.BaseTestCase):
    """HACKING: each help says what the option is, in whole sentences."""

    def test_every_option_of_ours_is_explained(self) -> None:
        for group, options in plugins.list_opts() + scheduler.list_opts():
            if group == 'nova':
                continue  # keystoneauth's own words
            for option in options:
                if option in KEYSTONEAUTH:
                    continue
                name = f'[{group}] {option.dest}'
                help_text = (option.help or '').strip()
                first = help_text.partition('\n\n')[0]
                self.assertRegex(first, r'[.:]( |$)|\.$', name)
                # Where its values are a list, it is one.
                for rest in help_text.split('Possible values:')[1:]:
                    self.assertTrue(rest.startswith('\n\n* '), name)

    def test_related_options_exist(self) -> None:
        listed = plugins.list_opts() + scheduler.list_opts()
        names = {o.dest for _, options in listed for o in options}
        for group, options in listed:
            for option in options:
                related = (option.help or '').partition('Related options:')[2]
                for found in re.findall(
                    r'^\* ``(?:\[\w+\] )?(\w+)``', related, re.M
                ):
                    if group != 'nova':
                        self.assertIn(
                            found, names | {'weight_classes'}, option.dest
                        )

    def test_no_group_is_listed_twice(self) -> None:
        groups = [group for group, _ in plugins.list_opts()]
        self.assertEqual(len(groups), len(set(groups)))
        for expected in (
            'migrator',
            'signals',
            'prometheus',
            'command',
            'nova',
        ):
            self.assertIn(expected, groups)
