from oslotest import base

from tests.unit.make import scheduler


class TestScheduler(base.BaseTestCase):
    def test_what_is_missing(self) -> None:
        self.assertEqual((), scheduler().missing)
        self.assertEqual(
            ('SameAvailabilityZoneFilter', 'StealWeigher'),
            scheduler(classes=('StealFilter',)).missing,
        )
