"""Chooses native threads, when imported.

NOTE: to be imported before oslo_messaging, whose import chooses eventlet
otherwise.
"""

import warnings

# futurist imports eventlet where it is installed, and never uses it here.
warnings.filterwarnings('ignore', message='\\s*Eventlet is deprecated')

# Of oslo.service[threading]. Where oslo.service came without that extra, as
# with Nova, init_backend would say no more than "Unknown backend".
import cotyledon  # noqa: E402, F401
from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.THREADING)
