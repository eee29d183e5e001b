"""One word for one thing: the dictionary of words that are not used.

They mean something else to whoever knows OpenStack, or nothing at all. Read is
what an operator reads: docs, samples, help texts, log lines, metrics.
"""

import ast
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from oslotest import base

from steal_scheduler.migrator import plugins

ROOT = Path(__file__).parents[2]

#: What is not said -> what is.
INSTEAD: Mapping[str, str] = {
    r'\[placement\]': '[hosts]; the Placement API has the name',
    r'\[trust\]': '[host_checks]; Keystone has trusts',
    r'(dis|un)?believ\w+': 'reliable, unreliable',
    r'distrust\w*|doubt(s|ed)?\b': 'unreliable',
    r'suffer(s|ing|ed)?\b': 'contended',
    r'\bspared?\b': 'not_needed',
    r'\bstuck\b': 'reattach_blocked, blocked',
    r'misrouted': 'invalid_orchestrator',
    r'role_out|slots_per_role': 'max_unavailable',
    r'\bput(s|ting)? (it |them |him |servers? )?back\b': 'reattach',
    r'\bst(and|ands|anding|ood) by\b': 'standby',
    r'\bis at work\b': 'leads',
    r'\bmend(s|ed|ing)?\b': 'fix, correct, repair',
    r'\bcan not\b': 'cannot',
    r'\bwhy\b(?=[`"=])': 'reason, as the name of a label or field',
}
_WORDS = {re.compile(old, re.I): new for old, new in INSTEAD.items()}

#: How a log line does not begin: it is read without its neighbours.
_BEGINNINGS = re.compile(r'(It|Its|Not|No|Whom|Who)\b')


def said(text: str) -> Iterator[str]:
    for old, new in _WORDS.items():
        for match in old.finditer(text):
            line = text.count('\n', 0, match.start()) + 1
            yield f'line {line}: {match.group()!r}, say {new}'


def log_lines(tree: ast.AST) -> Iterator[ast.Constant]:
    """The format of each call of a logger."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == 'LOG'
        ):
            yield from (
                arg
                for arg in node.args
                if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            )


class TestWords(base.BaseTestCase):
    def tracked(self, *patterns: str) -> list[Path]:
        """Files of the repository; in an archive of it, all there are."""
        listed = subprocess.run(
            ['git', 'ls-files', *patterns],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        names = listed.stdout.splitlines()
        if listed.returncode:
            names = [
                str(path.relative_to(ROOT))
                for pattern in patterns
                for path in (ROOT / pattern).rglob('*')
                if path.is_file()
            ]
        return [ROOT / name for name in names]

    def test_docs_and_samples(self) -> None:
        found = []
        for path in self.tracked('doc', 'etc', 'README.rst'):
            if path.suffix in (
                '.rst',
                '.example',
                '.snippet',
                '.yml',
                '.json',
            ):
                text = path.read_text('utf-8')
                found += [
                    f'{path.relative_to(ROOT)} {what}' for what in said(text)
                ]
        self.assertEqual([], found, '\n'.join(found))

    def test_help_texts(self) -> None:
        found = [
            f'[{section}] {option.dest} {what}'
            for section, options in plugins.list_opts()
            if section != 'nova'
            for option in options
            for what in said(option.help or '')
        ]
        self.assertEqual([], found, '\n'.join(found))

    def test_log_lines(self) -> None:
        found = []
        for path in self.tracked('steal_scheduler'):
            if path.suffix != '.py' or 'demo' in path.parts:
                continue
            for line in log_lines(ast.parse(path.read_text('utf-8'))):
                where = f'{path.relative_to(ROOT)}:{line.lineno}'
                found += [f'{where} {what}' for what in said(line.value)]
                if _BEGINNINGS.match(line.value):
                    found.append(f'{where} begins with {line.value[:20]!r}')
        self.assertEqual([], found, '\n'.join(found))

    def test_a_word_is_found(self) -> None:
        (what,) = said('A server\nsuffers.')
        self.assertEqual("line 2: 'suffers', say contended", what)
        tree = ast.parse("LOG.info('Its move: %s', 'Its')")
        self.assertEqual(
            ['Its move: %s', 'Its'], [line.value for line in log_lines(tree)]
        )
