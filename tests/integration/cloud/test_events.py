"""What is wrong is found in what was done; and nothing where nothing is."""

from oslotest import base

from tests.integration.cloud import events


class TestEvents(base.BaseTestCase):
    def test_a_move_is_right_however_often_somebody_asked(self):
        for done in (
            '',
            'drain reattach',
            'drain drain migrate reattach reattach',
            'drain migrate reattach drain migrate reattach',
        ):
            self.assertEqual([], events.trouble(done.split()), done)

    def test_what_is_wrong(self):
        for done, trouble in {
            'migrate': 'it migrated in service',
            'drain migrate reattach migrate': 'it migrated in service',
            'drain migrate drain migrate': 'it migrated twice',
        }.items():
            self.assertEqual([trouble], events.trouble(done.split()), done)

    def test_who_is_out_and_how_often_it_was(self):
        for done, out, cycles in (
            ('', False, 0),
            ('drain migrate', True, 1),
            ('drain migrate reattach', False, 1),
            ('drain drain reattach migrate drain', True, 2),
        ):
            self.assertEqual(out, events.is_out(done.split()), done)
            self.assertEqual(cycles, events.cycles(done.split()), done)
