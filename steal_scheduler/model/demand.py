"""Demand: the cores that are asked for, which nobody can read off exactly.

What waits is not what is asked for beside what is used. Requests that come
whatever the host can give are done a little later, and most of them are done:
while a host has idle seconds, what its servers use *is* what they ask for,
however long they wait. Work that could run all the time, such as a
compilation, is the other case: there, what waits is missing in full. So demand
is an interval, and what its server used when nobody waited tells where in it.
"""

import dataclasses

#: Seconds: each mean of a history is over so many, and all of them lie within
#: the last so many; what was before says little of now.
STEP, SPAN = 300, 4 * 3600
#: Share of the time that a server wanted to run from which on it waits.
CALM = 0.03


@dataclasses.dataclass(frozen=True, slots=True)
class Demand:
    """Cores, of a server or of all that run on a host."""

    #: What is used.
    low: float = 0.0
    #: What decides, between the other two.
    expected: float = 0.0
    #: With all that waits for others; what a quota holds back is no wait.
    high: float = 0.0

    @classmethod
    def exactly(cls, cores: float) -> 'Demand':
        """One of which nothing but a number is known."""
        return cls(cores, cores, cores)


NO_DEMAND = Demand()


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """What a server used while it did not wait, in the last hours.

    For example ``(1.0, 1.1, 3.9)``: of these hours it did not wait for 15
    minutes, and used 3.9 cores in five of them.
    """

    #: Means over ``STEP`` seconds each, in any order.
    cores: tuple[float, ...] = ()
