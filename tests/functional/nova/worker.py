"""A nova-scheduler in small: parent, workers, and how its threads run.

    python -m tests.functional.nova.worker threading|eventlet|fork

Prints one line for each thing that happened, and exits 0.
"""

import os
import sys

MODE = sys.argv[1]
os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = str(int(MODE != 'eventlet'))

from nova import monkey_patch  # noqa: E402

monkey_patch.patch('eventlet' if MODE == 'eventlet' else 'threading')

import threading  # noqa: E402
import time  # noqa: E402

import nova.conf  # noqa: E402
import oslo_messaging  # noqa: E402
from nova import rpc  # noqa: E402
from oslo_messaging import conffixture  # noqa: E402

from steal_scheduler.messaging import (  # noqa: E402
    acknowledgement,
    view_format,
)
from steal_scheduler.messaging.view import target  # noqa: E402
from steal_scheduler.model.host_view import HostView, Tier, View  # noqa: E402
from steal_scheduler.scheduler import listener, weighers  # noqa: E402

SECONDS = 60.0


def main() -> None:
    conf = nova.conf.CONF
    conf([], project='nova', default_config_files=[], default_config_dirs=[])
    fixture = conffixture.ConfFixture(conf, 'fake:/')
    fixture.setUp()
    rpc.init(conf)
    weighers.StealWeigher()
    print('parent listens:', bool(listener._listeners))
    if MODE == 'fork':
        pid = os.fork()
        if pid:
            _, status = os.waitpid(pid, 0)
            print('parent listens:', bool(listener._listeners))
            sys.exit(os.waitstatus_to_exitcode(status))
        print('worker listens:', os.getpid() in listener._listeners)
    else:
        print('first request:', listener.latest())
    print('view:', receive())
    sys.stdout.flush()
    # As workers end: nothing is stopped before.
    os._exit(0) if MODE == 'fork' else sys.exit(0)


class Migrator:
    """Hears who took a view, as far as the message bus goes."""

    target = acknowledgement.target()
    hosts: set[str] = set()  # noqa: RUF012

    def acknowledge(self, ctxt: object, acknowledgement: dict) -> None:
        self.hosts.add(acknowledgement['host'])


def receive() -> str:
    """Send until one arrives, and until we are told so."""
    ears = rpc.get_server(acknowledgement.target('here'), [Migrator()])
    ears.start()
    client = oslo_messaging.get_rpc_client(rpc.TRANSPORT, target())
    view = View(time.time(), {'a': HostView(Tier.COLD)}, {}, {})
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        client.cast({}, 'view', view=view_format.encode(view))
        threading.Event().wait(0.1)
        latest = listener.latest()
        if latest and nova.conf.CONF.host in Migrator.hosts:
            return ', '.join(latest.view.hosts)
    return 'none'


if __name__ == '__main__':
    main()
