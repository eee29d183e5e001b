"""What the tests of the orchestrator ``webhook`` begin with."""

import os
import pathlib
from typing import Any

from oslo_config import cfg

from steal_scheduler.orchestrators.webhook.options import OPTS
from tests.standins.webhook import SECRET
from tests.unit.options import configuration


def options(directory: str, **values: Any) -> cfg.ConfigOpts:
    """A section [webhook] with a key that is as it should be."""
    path = pathlib.Path(directory, 'key')
    if not path.exists():
        path.write_text(SECRET + '\n')
        os.chmod(path, 0o600)
    values.setdefault('signing_key_file', str(path))
    return configuration('webhook', OPTS, **values)
