"""Building Kubernetes and Consul, with a script in the compiler's place.

The real one takes minutes. That it builds what is wanted is shown by the
tests of what it builds.
"""

import os
import pathlib
import subprocess
import sys
import unittest
from unittest import mock

import fixtures

from tests.integration import binaries, daemons
from tests.integration.daemons import DaemonError, until

_ROOT = pathlib.Path(__file__).parents[2]
_GO = """\
#!/bin/sh
here=${0%/*}
if [ "$1" = env ]; then
    cat "$here/version"
    exit
fi
output=$4
echo "$output" >> "$here/calls"
if [ -e "$here/fails" ]; then
    exit 1
fi
if mv "$here/held" "$here/holds" 2> /dev/null; then
    read -r _ < "$here/holds"
fi
shift 5
case $output in
*/) for package; do touch "$output${package##*/}"; done;;
*) touch "$output";;
esac
"""


class TestBinaries(daemons.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.here = self.directory()
        self.cache = self.here / 'cache/steal-scheduler'
        (self.here / 'go').write_text(_GO)
        (self.here / 'go').chmod(0o755)
        (self.here / 'version').write_text('go1.26.0\n')

    def start(self, **environ: str) -> 'subprocess.Popen[str]':
        ours = {
            'PATH': f'{self.here}:{os.environ["PATH"]}',
            'XDG_CACHE_HOME': str(self.here / 'cache'),
        }
        process = subprocess.Popen(
            [sys.executable, '-m', binaries.__name__],
            cwd=_ROOT,
            env={**ours, **environ},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def build(self, status: int, **environ: str) -> str:
        """Run it to its end; what it says."""
        process = self.start(**environ)
        said, _ = process.communicate(timeout=60)
        self.assertEqual(status, process.returncode, said)
        return said

    def calls(self) -> int:
        """How often something was compiled."""
        path = self.here / 'calls'
        return len(path.read_text().splitlines()) if path.exists() else 0

    def built(self) -> list[str]:
        return sorted(path.name for path in self.cache.glob('*-*/*'))

    def test_once(self) -> None:
        self.assertIn('minutes', self.build(0))
        wanted = {
            program
            for module in binaries.MODULES
            for build in module.builds
            for program in build.programs
        }
        self.assertEqual(sorted(wanted), self.built())
        calls = self.calls()
        self.assertEqual('', self.build(0))
        self.assertEqual(calls, self.calls())

    def test_other_version(self) -> None:
        self.build(0)
        calls = self.calls()
        (self.here / 'version').write_text('go1.27.1\n')
        self.build(0)
        self.assertEqual(2 * calls, self.calls())

    def test_two_at_once(self) -> None:
        os.mkfifo(self.here / 'held')
        first = self.start()
        until('it is at work', lambda: (self.here / 'holds').exists())
        second = self.start()
        assert second.stdout is not None
        self.assertIn('Waiting for another', second.stdout.readline())
        self.assertEqual([], self.built())
        (self.here / 'holds').write_text('\n')
        for process in first, second:
            process.communicate(timeout=60)
            self.assertEqual(0, process.returncode)
        calls = sum(len(module.builds) for module in binaries.MODULES)
        self.assertEqual(calls, self.calls())

    def test_fails(self) -> None:
        """Half of it is never taken for the whole."""
        (self.here / 'fails').touch()
        said = self.build(1)
        self.assertIn('STEAL_WITHOUT=orchestrators', said)
        self.assertEqual([], self.built())
        # Somebody was killed while he built.
        rest = self.cache / 'kubernetes.unfinished/rest'
        rest.parent.mkdir()
        rest.touch()
        (self.here / 'fails').unlink()
        self.build(0)
        self.assertNotIn('rest', self.built())

    def test_too_old(self) -> None:
        (self.here / 'version').write_text('go1.19.8\n')
        said = self.build(1)
        for text in 'go1.19', 'https://go.dev', 'STEAL_WITHOUT=orchestrators':
            self.assertIn(text, said)

    def test_no_go(self) -> None:
        self.useFixture(fixtures.EnvironmentVariable('PATH', str(self.cache)))
        self.useFixture(fixtures.EnvironmentVariable(binaries.WITHOUT))
        binaries._go.cache_clear()
        self.addCleanup(binaries._go.cache_clear)
        with mock.patch.object(binaries, '_GO_HOME', str(self.cache)):
            error = self.assertRaises(DaemonError, binaries._go)
        for text in 'https://go.dev', 'STEAL_WITHOUT=orchestrators':
            self.assertIn(text, str(error))

    def test_left_out(self) -> None:
        said = self.build(0, STEAL_WITHOUT='orchestrators')
        self.assertIn('left out', said)
        self.assertEqual(0, self.calls())
        self.useFixture(
            fixtures.EnvironmentVariable(binaries.WITHOUT, binaries.GROUP)
        )
        with self.assertRaisesRegex(unittest.SkipTest, 'STEAL_WITHOUT'):
            binaries.binary('kubectl')

    def test_left_out_unknown(self) -> None:
        said = self.build(1, STEAL_WITHOUT='kubernetes')
        self.assertIn('may be "orchestrators", not "kubernetes"', said)
