"""One start for all modules of a process, as unittest runs them."""

import contextlib
import sys
import types
import unittest
from collections.abc import Iterator

from oslotest import base

from tests.shared import Shared


class TestShared(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.done: list[str] = []
        self.fails = False

    @contextlib.contextmanager
    def daemon(self) -> Iterator[None]:
        self.done.append('start')
        if self.fails:
            raise OSError('no port')
        yield
        self.done.append('stop')

    def run_modules(self, *names: str) -> unittest.TestResult:
        shared = Shared(self.daemon)
        suite = unittest.TestSuite()
        for name in names:
            module = types.ModuleType(name)
            module.setUpModule = shared.set_up()  # type: ignore[attr-defined]
            sys.modules[name] = module
            self.addCleanup(sys.modules.pop, name)
            test = unittest.FunctionTestCase(
                lambda name=name: self.done.append(name)
            )
            kind = type(name, (type(test),), {'__module__': name})
            test.__class__ = kind
            suite.addTest(test)
        result = unittest.TestResult()
        suite.run(result)
        return result

    def test_started_once(self) -> None:
        result = self.run_modules('one', 'other')
        self.assertEqual(['start', 'one', 'other', 'stop'], self.done)
        self.assertEqual([], result.errors)

    def test_does_not_start(self) -> None:
        self.fails = True
        result = self.run_modules('one', 'other')
        self.assertEqual(['start'], self.done)
        first, second = (text for _, text in result.errors)
        self.assertIn('no port', first)
        self.assertIn('did not start for the first module', second)
