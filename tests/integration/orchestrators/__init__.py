"""What needs Kubernetes or Consul: one process, and one Kubernetes for all."""

# NOTE: before oslo.messaging, which would import eventlet: some modules here
# embed a Nova, which forbids that.
import steal_scheduler.demo  # noqa: F401
