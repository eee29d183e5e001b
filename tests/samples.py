"""What metrics tell: those of this process, and those on a page."""

import urllib.request
from collections.abc import Mapping

from prometheus_client import parser

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


def scrape(port: int) -> dict[tuple[str, str], float]:
    """What an exporter shows, by name and uuid of the server.

    What is by kind of thread as well is of ``UUID/KIND``.
    """
    url = f'http://127.0.0.1:{port}/metrics'
    with urllib.request.urlopen(url, timeout=30) as response:
        text = response.read().decode()
    return {
        (
            sample.name,
            '/'.join(filter(None, map(sample.labels.get, ('uuid', 'kind')))),
        ): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }
