"""Whether a process could run when it wanted to, on this machine."""

import threading
import time

#: Seconds between two looks; later than that by LATE, and it was kept waiting.
INTERVAL = 0.1
LATE = 0.1


class Witness:
    """A thread that does nothing but be in time.

    It stands for any process of ordinary priority: what it is kept from, the
    exporter beside it may be kept from as well.
    """

    def __init__(self) -> None:
        #: Seconds by which it was late, all in all.
        self.late = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> 'Witness':
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic() + INTERVAL
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            now = time.monotonic()
            if now - due > LATE:
                self.late += now - due
            due = now + INTERVAL
