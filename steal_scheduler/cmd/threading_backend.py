"""Chooses native threads, when imported.

NOTE: to be imported before oslo_messaging, whose import chooses eventlet
otherwise.
"""

import warnings

# futurist imports eventlet where it is installed, and never uses it here.
warnings.filterwarnings('ignore', message='\\s*Eventlet is deprecated')

from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.THREADING)
