"""Our own host aggregate, in whose metadata stands what people asked for."""

from steal_scheduler.exception import NovaRefused
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.until import AGGREGATE, is_ours
from steal_scheduler.nova_client.client import NovaClient


def ours(nova: NovaClient) -> Aggregate:
    """It, which is made where there is none."""
    try:
        if not any(map(is_ours, nova.aggregates())):
            nova.create_aggregate(AGGREGATE)
    except NovaRefused:
        # Another operator was faster, or we lack the right.
        if not any(map(is_ours, nova.aggregates())):
            raise
    return next(filter(is_ours, nova.aggregates()))
