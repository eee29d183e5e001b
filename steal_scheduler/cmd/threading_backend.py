"""Chooses native threads, when imported.

NOTE: to be imported before oslo_messaging, whose import chooses eventlet
otherwise.
"""

# Of oslo.service[threading]. Where oslo.service came without that extra, as
# with Nova, init_backend would say no more than "Unknown backend".
import cotyledon  # noqa: F401
from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)
