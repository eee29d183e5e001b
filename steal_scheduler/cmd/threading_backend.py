"""Chooses native threads, when imported.

NOTE: to be imported before oslo_messaging, whose import chooses eventlet
otherwise.
"""

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)
