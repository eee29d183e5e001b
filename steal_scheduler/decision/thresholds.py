"""When a host is hot: Prequal's rule, with two measures of it.

A host is hot by what its servers wait, or by how many want to run at once. It
has to be over a fixed line *and* over the line that parts the fleet: where
most hosts are bad, the least bad are still the better place.
"""

import dataclasses
import math
from collections.abc import Iterable

from steal_scheduler.model.host_view import HostView, Tier


@dataclasses.dataclass(frozen=True, slots=True)
class HeatRules:
    """When a host is hot; option names and units of ``[placement]``."""

    host_steal_threshold: float = 5.0
    relief_demand: float = 100.0
    target_demand: float = 90.0
    steal_band: float = 2.0
    hot_quantile: float = 0.84
    slots_per_target: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class HotLines:
    """Shares of 1; pressure is runnable vCPUs per core, credit counted.

    A host is hot by a measure if it reaches the fixed line and is beyond the
    fleet's.
    """

    steal: float
    pressure: float
    fleet_steal: float
    fleet_pressure: float
    #: What lies that much below a fixed line is still on it for a host that
    #: was hot: noise must not decide. NOTE: not below the fleet's, or each
    #: noise would leave some more hosts hot for ever.
    band: float

    def tier(self, host: HostView, before: Tier | None) -> Tier:
        """The tier of a host that is known.

        :param before: its tier in the view before
        """
        steal, pressure = self.steal, self.pressure
        if before is Tier.HOT:
            steal, pressure = self._below(steal), self._below(pressure)
        hot = (host.steal >= steal and host.steal > self.fleet_steal) or (
            host.pressure > max(pressure, self.fleet_pressure)
        )
        return Tier.HOT if hot else Tier.COLD

    def _below(self, line: float) -> float:
        # Nobody would ever be below a line by all of it.
        return max(line - self.band, line / 2)


def lines(known: Iterable[HostView], rules: HeatRules) -> HotLines:
    """Draw the lines for a fleet.

    :param known: its hosts that are measured and believed
    """
    hosts = list(known)
    return HotLines(
        steal=rules.host_steal_threshold / 100,
        pressure=rules.relief_demand / 100,
        fleet_steal=_quantile([h.steal for h in hosts], rules.hot_quantile),
        fleet_pressure=_quantile(
            [h.pressure for h in hosts], rules.hot_quantile
        ),
        band=rules.steal_band / 100,
    )


def _quantile(values: list[float], share: float) -> float:
    """The value at that share of the sorted ones; below all if it is off."""
    if not values or share <= 0:
        return -math.inf
    return sorted(values)[math.floor(share * (len(values) - 1))]
