"""As steal-api does, before anything imports oslo_messaging."""

from steal_scheduler.cmd import threading_backend  # noqa: F401
