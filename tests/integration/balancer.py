"""A load balancer with a script that keeps no list of whom it took out.

A stand-in, for the third kind of orchestrator: where the tag in Nova is the
only one that knows.
"""

import pathlib

_SCRIPT = """\
#!/bin/sh
case $1 in
drain) : > "{out}/$STEAL_SERVER_ID" ;;
reattach) rm -f "{out}/$STEAL_SERVER_ID" ;;
esac
"""


class Balancer:
    def __init__(self, directory: pathlib.Path) -> None:
        self._out = directory / 'out'
        self._out.mkdir(parents=True)
        #: For the migrator.
        self.script = directory / 'script'
        self.script.write_text(_SCRIPT.format(out=self._out))
        self.script.chmod(0o755)

    def is_out(self, server_id: str) -> bool:
        return (self._out / server_id).exists()

    def left(self) -> list[str]:
        """Servers that are out."""
        return [
            f'server {path.name} is out of the balancer'
            for path in self._out.iterdir()
        ]

    def reset(self) -> None:
        """Put all back, by hand."""
        for path in self._out.iterdir():
            path.unlink()
