"""The kubelet of one node: the real one, with a runtime that pretends."""

import pathlib
import shutil
import signal

from tests.integration import daemons
from tests.integration.binaries import binary
from tests.integration.node_network import NodeNetwork

#: kubemark insists on /tmp, and leaves its files there: it gets one of its
#: own. The program itself may be hidden by that, so it is opened before.
_OWN_TMP = """
directory=$1
exec 9< "$2"
shift 2
mount --bind "$directory" /tmp
cd /tmp
exec /proc/self/fd/9 "$@"
"""


class Kubelet:
    """It serves its node, if there is one of its name."""

    def __init__(
        self,
        name: str,
        directory: pathlib.Path,
        kubeconfig: pathlib.Path,
        network: NodeNetwork,
    ) -> None:
        """Describe it; start nothing.

        :param directory: where it gets one of its own, of its name
        :param network: where it runs, with others
        """
        self._tmp = directory / name
        self._tmp.mkdir(exist_ok=True)
        shutil.copy(kubeconfig, self._tmp / 'kubeconfig')
        argv = [
            *network.entering(),
            *(daemons.program('unshare'), '--mount'),
            *('sh', '-ec', _OWN_TMP, 'sh', str(self._tmp)),
            binary('kubemark'),
            '--morph=kubelet',
            f'--name={name}',
            '--kubeconfig=/tmp/kubeconfig',
            # Any that is free.
            *('--kubelet-port=0', '--kubelet-read-only-port=0'),
            '--use-host-image-service=false',
        ]
        self._daemon = daemons.Daemon(
            f'kubelet-{name}',
            argv,
            directory,
            lambda: True,
            {'HOME': '/tmp'},
        )

    @property
    def static_pods(self) -> pathlib.Path:
        """Where a manifest becomes a static pod."""
        # One more with each start.
        found = self._tmp.glob('hollow-kubelet*/static-pods*')
        return max(found, key=lambda path: path.stat().st_ctime_ns)

    @property
    def has_ended(self) -> bool:
        """Whether it runs no longer, though nobody stopped it."""
        return self._daemon.has_ended

    def said(self) -> str:
        return self._daemon.said()

    def start(self) -> None:
        self._daemon.start()

    def stop(self) -> None:
        self._daemon.stop(signal.SIGKILL)
