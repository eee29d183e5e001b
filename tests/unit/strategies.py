"""Views as hypothesis makes them up."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from steal_scheduler.model.host_view import HostView, Mover, Tier, View

# A busy machine is no failure, and what failed once is in the log.
settings.register_profile(
    'steal',
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile('steal')

NAMES = [f'host{n}' for n in range(8)]
ROLES = ('web', 'db')
ZONES = ('az1', 'az2')


def shares() -> st.SearchStrategy[float]:
    return st.floats(0, 1)


def cores() -> st.SearchStrategy[float]:
    return st.floats(0, 500)


def host_views(
    tiers: st.SearchStrategy[Tier] | None = None,
) -> st.SearchStrategy[HostView]:
    return st.builds(
        HostView,
        tier=st.sampled_from(Tier) if tiers is None else tiers,
        steal=shares(),
        demand=cores(),
        cores=st.floats(0.5, 500),
        credit=cores(),
        arrivals=st.integers(0, 3),
        runnable=st.none() | st.floats(0, 50),
        zone=st.none() | st.sampled_from(ZONES),
    )


def views() -> st.SearchStrategy[View]:
    counts = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 20))
    return st.builds(
        View,
        taken_at=st.floats(0, 2e9),
        hosts=st.dictionaries(st.sampled_from(NAMES), host_views()),
        roles=st.dictionaries(st.sampled_from(ROLES), counts),
        movers=st.dictionaries(
            st.uuids().map(str),
            st.builds(
                Mover,
                role=st.none() | st.sampled_from(ROLES),
                source=st.sampled_from(NAMES),
                demand=cores(),
            ),
            max_size=3,
        ),
        target_demand=st.floats(1, 100),
        max_arrivals=st.integers(1, 3),
        steal_threshold=st.floats(0, 100),
    )
