"""One nova-scheduler worker, as far as views are concerned.

``python -m tests.integration.scheduler_probe TRANSPORT_URL`` listens with our
listener on Nova's own transport, and prints when each view was taken.
"""

import os
import sys
import tempfile

os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = '1'
from nova import monkey_patch

monkey_patch.patch(backend='threading')

import nova.conf  # noqa: E402
from nova import config, rpc  # noqa: E402

from steal_scheduler.demo.deadline import wait_for  # noqa: E402
from steal_scheduler.scheduler import listener  # noqa: E402


def main(url: str) -> None:
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write(
            f'[DEFAULT]\ntransport_url = {url}\n'
            '[oslo_messaging_rabbit]\n'
            'rabbit_retry_interval = 1\nrabbit_interval_max = 1\n'
        )
        file.flush()
        config.parse_args(['probe', '--config-file', file.name])
    rpc.init(nova.conf.CONF)
    printed = 0.0

    def ended() -> bool:
        nonlocal printed
        latest = listener.latest()
        if latest and latest.view.taken_at != printed:
            printed = latest.view.taken_at
            print(printed, flush=True)
        return False

    wait_for(ended, 600, 'the test to end this process')


if __name__ == '__main__':
    main(*sys.argv[1:])
