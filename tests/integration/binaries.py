"""Kubernetes and Consul, built from their Go modules: no package has them.

``python -m tests.integration.binaries`` builds what is missing. That takes
some minutes once, and nothing afterwards: the programs are kept in
``$XDG_CACHE_HOME/steal-scheduler``, in a directory for each set of versions.

What is built stands in ``go/*/go.mod``, byte for byte in ``go.sum``.
"""

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest
from collections.abc import Iterator

from tests.integration.daemons import DaemonError

#: As go.mod has it.
_GO = (1, 26)
#: Where the archive of go.dev is unpacked to, which nobody puts on the PATH.
_GO_HOME = '/usr/local/go/bin'
_MODULES = pathlib.Path(__file__).parent / 'go'
_MODULE = 'tests.integration.binaries'

#: Names the groups of tests to leave out, with commas between.
WITHOUT = 'STEAL_WITHOUT'
#: The tests that need what this builds.
GROUP = 'orchestrators'


@dataclasses.dataclass(frozen=True)
class Build:
    """One call of the Go compiler."""

    #: Names of the programs; of one alone it need not be its package's.
    programs: tuple[str, ...]
    packages: tuple[str, ...]
    ldflags: str = '-s -w'


@dataclasses.dataclass(frozen=True)
class Module:
    """A directory with a go.mod, and what is built there."""

    name: str
    #: Two cores and nothing in Go's cache; downloads come on top.
    minutes: int
    builds: tuple[Build, ...]

    @functools.cached_property
    def directory(self) -> pathlib.Path:
        """Return where its programs are, or will be.

        Another version, another compiler or other flags are another one.
        """
        key = hashlib.sha256(_go_version().encode())
        key.update(repr(self.builds).encode())
        for name in 'go.mod', 'go.sum':
            key.update((_MODULES / self.name / name).read_bytes())
        return _cache() / f'{self.name}-{key.hexdigest()[:16]}'

    def build(self) -> None:
        """Build it, unless that has been done.

        :raises DaemonError: Go is missing, or fails
        """
        if self.directory.exists():
            return
        _cache().mkdir(parents=True, exist_ok=True)
        with _alone(_cache() / f'{self.name}.lock'):
            if not self.directory.exists():
                self._build()

    def _build(self) -> None:
        begun = time.monotonic()
        _say(
            f'Building {self.name} into {self.directory}: about '
            f'{self.minutes} minutes on two cores, if this is the first time.'
        )
        # Half of it is never taken for the whole. Nobody else builds it now,
        # so one that is there is of somebody who was killed.
        unfinished = _cache() / f'{self.name}.unfinished'
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            for build in self.builds:
                self._compile(build, unfinished)
            unfinished.rename(self.directory)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        _say(f'{self.name}: {time.monotonic() - begun:.0f} s')

    def _compile(self, build: Build, into: pathlib.Path) -> None:
        _say(f'  {" ".join(build.programs)}')
        # A directory takes all, each by its package's name.
        output = f'{into}/'
        if len(build.programs) == 1:
            output += build.programs[0]
        command = [_go(), 'build', '-mod=readonly', '-o', output]
        command += [f'-ldflags={build.ldflags}', *build.packages]
        done = subprocess.run(command, cwd=_MODULES / self.name)
        if done.returncode:
            raise DaemonError(
                f'Go could not build {self.name} (see above). To leave these '
                f'tests out: {WITHOUT}={GROUP}'
            )


def _named(version: str) -> str:
    """Say which Kubernetes it is.

    Else its programs call themselves v0.0.0, and clients believe them.
    """
    where = 'k8s.io/component-base/version'
    major, minor, _ = version.removeprefix('v').split('.')
    return (
        f'-s -w -X {where}.gitVersion={version} '
        f'-X {where}.gitMajor={major} -X {where}.gitMinor={minor}'
    )


_RELEASE = re.search(
    r'^\tk8s.io/kubernetes (v[\d.]+)',
    (_MODULES / 'kubernetes/go.mod').read_text(),
    re.MULTILINE,
)[1]
_COMMANDS = (
    'kube-apiserver kube-controller-manager kube-scheduler kubectl kubemark'
).split()

MODULES = (
    Module(
        'kubernetes',
        7,
        (
            Build(
                tuple(_COMMANDS),
                tuple(f'k8s.io/kubernetes/cmd/{name}' for name in _COMMANDS),
                _named(_RELEASE),
            ),
            Build(('etcd',), ('go.etcd.io/etcd/server/v3',)),
        ),
    ),
    Module(
        'consul',
        5,
        (Build(('consul',), ('github.com/hashicorp/consul',)),),
    ),
)


def left_out() -> bool:
    """Tell whether somebody wants to go without.

    :raises DaemonError: without something that does not exist
    """
    named = set(os.environ.get(WITHOUT, '').split(',')) - {''}
    if unknown := named - {GROUP}:
        raise DaemonError(
            f'{WITHOUT} may be "{GROUP}", not "{",".join(sorted(unknown))}".'
        )
    return bool(named)


def skip_if_left_out() -> None:
    """Skip the tests that need what this builds, if somebody wants that.

    :raises unittest.SkipTest: somebody does
    """
    if left_out():
        raise unittest.SkipTest(f'left out by {WITHOUT}={GROUP}')


def binary(name: str) -> str:
    """Return the path of a program that was built.

    :raises unittest.SkipTest: the tests that need it were left out
    :raises DaemonError: it was not built
    """
    skip_if_left_out()
    for module in MODULES:
        if any(name in build.programs for build in module.builds):
            path = module.directory / name
            if path.exists():
                return str(path)
    raise DaemonError(
        f'{name} is not built. Build it: python -m {_MODULE}; or leave '
        f'these tests out: {WITHOUT}={GROUP}'
    )


def main() -> int:
    """Build all that is missing, and say so."""
    try:
        if left_out():
            _say(f'Kubernetes and Consul: left out by {WITHOUT}={GROUP}')
            return 0
        for module in MODULES:
            module.build()
    except DaemonError as e:
        _say(str(e))
        return 1
    return 0


def _cache() -> pathlib.Path:
    home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    return pathlib.Path(home) / 'steal-scheduler'


@functools.cache
def _go() -> str:
    path = f'{os.environ.get("PATH", os.defpath)}:{_GO_HOME}'
    found = shutil.which('go', path=path)
    if found is None:
        raise _no_go('there is none')
    return found


@functools.cache
def _go_version() -> str:
    """Return the version and the machine it builds for.

    :raises DaemonError: it is missing or too old
    """
    # Where the go.mod is: one that may fetch a newer Go answers for that.
    done = subprocess.run(
        [_go(), 'env', 'GOVERSION', 'GOOS', 'GOARCH'],
        cwd=_MODULES / 'kubernetes',
        capture_output=True,
        text=True,
    )
    version = re.match(r'go(\d+)\.(\d+)', done.stdout)
    if done.returncode or not version:
        raise _no_go(done.stderr.strip() or done.stdout.strip())
    if tuple(map(int, version.groups())) < _GO:
        raise _no_go(f'{_go()} is {version.group()}')
    return done.stdout


def _no_go(why: str) -> DaemonError:
    return DaemonError(
        'Kubernetes and Consul are built for these tests, with Go '
        f'{_GO[0]}.{_GO[1]} or newer ({why}). Install it: https://go.dev/dl/ '
        f'unpacked into /usr/local, or apt-get install golang-go where that '
        f'is new enough. Or leave these tests out: {WITHOUT}={GROUP}'
    )


@contextlib.contextmanager
def _alone(lock: pathlib.Path) -> Iterator[None]:
    with lock.open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f'Waiting for another build, which holds {lock}')
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(what: str) -> None:
    print(what, flush=True)


if __name__ == '__main__':
    sys.exit(main())
