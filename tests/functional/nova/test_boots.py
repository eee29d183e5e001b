"""Where a real nova-scheduler boots servers, with our classes in it."""

from tests.functional import one  # isort: skip (before Nova's)

from typing import Any

import fixtures

from steal_scheduler.demo import image
from steal_scheduler.scheduler import listener
from steal_scheduler.scheduler.settings import Settings
from tests.functional.nova import scheduling
from tests.functional.nova.scheduling import CLASSES, COLD, HOT, WEB
from tests.functional.one import HOSTS, scene

setUpModule = one.set_up()


class TestStart(scheduling.SchedulerTestCase):
    def test_one_line_for_each_class(self) -> None:
        log = scene.cloud.nova_log.read_text()
        for name in CLASSES:
            self.assertEqual(1, log.count(f'{name} is enabled'), name)
        self.assertNotIn('Write it last', log)

    def test_stock_until_a_view_arrives(self) -> None:
        found = self.hosts_of(self.boot(*[{}] * 5))
        # Stock weighers spread.
        self.assertEqual(1, max(found.values()), found)

    def test_a_class_that_fails_fails_no_boot(self) -> None:
        self.send(dict.fromkeys(HOSTS, COLD))
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.patch(listener, 'cache', None)
        self.boot({}, {})
        for name in CLASSES:
            self.assertEqual(1, log.output.count(f'{name} failed'), name)


class TestBoots(scheduling.SchedulerTestCase):
    def test_away_from_hot_hosts(self) -> None:
        self.send(dict.fromkeys(HOSTS, HOT) | {'a2': COLD, 'b2': COLD})
        found = self.hosts_of(self.boot(*[{}] * 6))
        self.assertEqual({'a2', 'b2'}, found.keys())
        # But on a hot one rather than nowhere.
        self.send(dict.fromkeys(HOSTS, HOT))
        self.boot()

    def test_apart_from_their_role(self) -> None:
        self.assert_apart({'hints': {'role': 'web'}})
        # Nova has built its weighers long ago.
        on = property(lambda _: True, lambda _, value: None)
        self.patch(Settings, 'role_lookup', on)
        for new in ({'metadata': {'role': 'web'}}, {'name': 'web-1'}):
            self.assert_apart(new)

    def assert_apart(self, new: dict[str, Any]) -> None:
        counts = dict.fromkeys(HOSTS, 1) | {'b2': 0}
        self.send(dict.fromkeys(HOSTS, COLD), roles={WEB: counts})
        self.assertEqual({'b2': 1}, self.hosts_of(self.boot(new)), new)

    def test_apart_although_no_view_comes_between(self) -> None:
        self.send(dict.fromkeys(HOSTS, COLD), roles={WEB: {}})
        new = {'hints': {'role': 'web'}}
        found = self.hosts_of(self.boot(*[new] * 5))
        self.assertEqual(1, max(found.values()), found)

    def test_several_at_once(self) -> None:
        self.send(dict.fromkeys(HOSTS, COLD), roles={WEB: {}})
        body = {
            'name': 'many',
            'flavorRef': scheduling.flavor(1),
            'imageRef': image.IMAGE_ID,
            'networks': 'none',
            'min_count': 5,
        }
        hints = {'role': 'web'}
        scene.call(
            'POST', '/servers', {'server': body, 'os:scheduler_hints': hints}
        )
        ids = scene.ids()
        self.servers.wait_active(ids)
        self.assertEqual(5, len(self.hosts_of(ids)))
