"""What the tests with real daemons share."""

import pathlib
from typing import Any

import fixtures
from oslotest import base
from testtools import content


class TestCase(base.BaseTestCase):
    def directory(self) -> pathlib.Path:
        """Return a new directory that goes with the test."""
        return pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def keep(self, log: pathlib.Path) -> None:
        """Show a log if the test fails; its directory will be gone."""

        def attach(exc_info: Any) -> None:
            text = log.read_text(errors='replace') if log.exists() else ''
            self.addDetail(log.name, content.text_content(text[-20_000:]))

        self.addOnException(attach)
