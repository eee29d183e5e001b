"""What the metrics of a migrator in this process tell."""

from collections.abc import Mapping

from steal_scheduler.reporting.metrics import PREFIX, Metrics


def sample(
    metrics: Metrics, name: str, labels: Mapping[str, str] | None = None
) -> float:
    """One sample, 0 where there is none.

    :param name: without PREFIX
    """
    found = metrics.registry.get_sample_value(
        PREFIX + name, dict(labels or {})
    )
    return found or 0.0
