import dataclasses
from collections.abc import Mapping
from typing import Any

from oslotest import base

from steal_scheduler.edge.sense import sensible, typed
from steal_scheduler.exception import OrchestratorError


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    name: str = 'a'
    count: int = 1
    share: float = 0.5
    there: bool = True
    zone: str | None = None
    tags: tuple[str, ...] = ('x', 'y')
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    taints: tuple[Mapping[str, Any], ...] = ({'key': 1},)


class TestTyped(base.BaseTestCase):
    def test_what_is_right(self) -> None:
        for row in (
            Row(),
            Row(zone='az1', share=1, tags=(), labels={'a': 'b'}),
        ):
            self.assertIs(row, typed(row))

    def test_what_is_not(self) -> None:
        wrong: list[dict[str, Any]] = [
            {'name': None},
            {'count': True},
            {'count': '1'},
            {'count': 1.0},
            {'count': 10**400},
            {'share': float('nan')},
            {'share': 10**400},
            {'share': False},
            {'there': 1},
            {'zone': 3},
            {'tags': ['x']},
            {'tags': ('x', 2)},
            {'labels': {'a': None}},
            {'labels': None},
            {'taints': ('x',)},
        ]
        for fields in wrong:
            error = self.assertRaises(TypeError, typed, Row(**fields))
            self.assertIn(next(iter(fields)), str(error))


class TestSensible(base.BaseTestCase):
    def said(self, act: Any) -> str:
        def read() -> None:
            with sensible('The answer', OrchestratorError):
                act()

        return str(self.assertRaises(OrchestratorError, read))

    def test_one_printable_line(self) -> None:
        said = self.said(lambda: {}['a\x1b\r\n' + 'x' * 1000])
        self.assertTrue(said.isprintable(), said)
        self.assertLess(len(said), 250)
        self.assertTrue(said.startswith('The answer makes no sense (KeyError'))

    def test_what_an_answer_can_do(self) -> None:
        def deep() -> Any:
            return deep()

        for act in (
            deep,
            lambda: None['x'],  # type: ignore[index]
            lambda: int('x'),
            lambda: float(10**400),
            lambda: [][1],
            lambda: 'x'.items(),  # type: ignore[attr-defined]
        ):
            self.said(act)

    def test_ours_pass(self) -> None:
        def fail() -> None:
            with sensible('The answer', OrchestratorError):
                raise OrchestratorError('no')

        self.assertEqual('no', str(self.assertRaises(OrchestratorError, fail)))
