"""``steal-api`` for any WSGI server: ``steal_scheduler.cmd.wsgi:application``.

There is no command line: ``STEAL_API_CONFIG_FILE`` names the configuration
file, else it is steal-api.conf where it is looked for always.
"""

from steal_scheduler.cmd import threading_backend  # noqa: F401

# isort: split
from steal_scheduler.api import app
from steal_scheduler.cmd import api

_conf = api.load([])
application = app.build(_conf)
api.warn(_conf)
