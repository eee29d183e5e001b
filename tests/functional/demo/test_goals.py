from typing import Any

from oslotest import base

from steal_scheduler.demo import goals
from steal_scheduler.demo.balancer import Outage
from steal_scheduler.demo.driver import Copied


class TestNoticed(base.BaseTestCase):
    """Each promise is one that can be broken."""

    copied = Copied('b1', 10.0, 12.0)

    def noticed(self, *outages: Outage, **other: Any) -> list[str]:
        return goals.noticed(
            {'b1', 'b2'},
            outages,
            other.get('copied', [self.copied]),
            other.get('moved', {'b1'}),
            {'b1': 'shop-1', 'b2': 'shop-2', 'x': 'mail'},
        )

    def outage(self, **other: Any) -> Outage:
        values = {'left': 8.0, 'empty': 9.0, 'back': 13.0}
        return Outage('b1', fewest=1, size=2, **(values | other))

    def test_nothing(self) -> None:
        self.assertEqual([], self.noticed(self.outage()))

    def test_in_service_while_it_migrated(self) -> None:
        said = 'MISSED: shop-1 migrated while in the balancer.'
        for outages in (
            (),
            (self.outage(empty=10.1),),
            (self.outage(empty=None),),
            (self.outage(back=11.9),),
            (self.outage(back=9.5), self.outage(left=11.0, empty=11.5)),
        ):
            self.assertIn(said, self.noticed(*outages))
        other = self.outage()
        other.server_id = 'b2'
        self.assertIn(said, self.noticed(other))

    def test_not_back(self) -> None:
        self.assertEqual(
            ['MISSED: shop-1 is still drained.'],
            self.noticed(self.outage(back=None)),
        )

    def test_not_alone(self) -> None:
        outage = self.outage()
        outage.fewest = 0
        self.assertEqual(
            ['MISSED: shop-1 was not drained alone.'],
            self.noticed(outage),
        )

    def test_never_copied(self) -> None:
        self.assertEqual(
            ['MISSED: shop-1 moved, and no hypervisor copied it.'],
            self.noticed(self.outage(), copied=[]),
        )

    def test_who_is_not_in_it(self) -> None:
        self.assertEqual(
            [],
            self.noticed(
                self.outage(),
                copied=[self.copied, Copied('x', 1.0, 2.0)],
                moved={'b1', 'x'},
            ),
        )
