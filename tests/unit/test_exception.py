from oslotest import base

from steal_scheduler.exception import ConfigError


class TestStealError(base.BaseTestCase):
    """Whatever a message repeats, it is one line of a log."""

    def test_one_printable_line(self) -> None:
        said = str(ConfigError('[a] b = x\x1b[2J\r\ny\u202e: no. Give one.'))
        self.assertEqual('[a] b = x?[2J y?: no. Give one.', said)

    def test_not_too_long(self) -> None:
        said = str(ConfigError(f'[a] b = {"x" * 65_536}: no. Give one.'))
        self.assertTrue(said.startswith('[a] b = xxx'))
        self.assertTrue(said.endswith('xxx: no. Give one.'))
        self.assertLess(len(said), 2000)

    def test_as_it_was_written(self) -> None:
        self.assertEqual('Gib Größe 3.', str(ConfigError('Gib Größe 3.')))
