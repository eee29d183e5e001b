"""What else Nova calls its hosts, and what they are: asked seldom, for it
changes seldom.
"""

import dataclasses
from collections.abc import Callable, Iterable

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import NovaFault, NovaForbids
from steal_scheduler.model.cloud import Host
from steal_scheduler.model.hypervisor import ELSEWHERE, Hypervisor

#: Seconds after which it is asked again. To Nova each hypervisor is a query.
RARELY = 3600.0


class Aliases:
    def __init__(self, ask: Callable[[], Iterable[Hypervisor]]) -> None:
        """:param ask: ``NovaClient.hypervisors``, as it is asked"""
        self._ask = ask
        self._known: dict[str, set[str]] = {}
        #: The hypervisors of each host: one, but of ironic many.
        self._here: dict[str, list[Hypervisor]] = {}
        #: Of whom it was asked, and when.
        self._of: set[str] = set()
        self._at = 0.0
        #: Why Nova does not tell; '' where it does.
        self.trouble = ''

    @property
    def hypervisors(self) -> dict[str, Hypervisor]:
        """The one of each host, of hosts with one."""
        return {h: one for h, (one, *more) in self._here.items() if not more}

    def add(self, hosts: Iterable[Host], now: float) -> list[Host]:
        """The same with their aliases, asked anew where there is a new host.

        Without them hosts are known by their names alone. So that Nova does
        not tell is no trouble but this.
        """
        names = {host.name for host in hosts}
        if names and (
            not names <= self._of or not 0 <= now - self._at < RARELY
        ):
            try:
                told = [*self._ask()]
                self._known, self.trouble = _aliases(told), ''
                self._here = {}
                for one in told:
                    self._here.setdefault(one.host, []).append(one)
                self._of, self._at = names, now
            except NovaForbids as error:
                # That will be so at the next tick, too.
                self.trouble, self._of, self._at = str(error), names, now
            except NovaFault as error:
                self.trouble = str(error)
        return [self._with_all(host) for host in hosts]

    def _with_all(self, host: Host) -> Host:
        # Those of ironic are many, and all of one kind.
        one = next(iter(self._here.get(host.name, ())), None)
        return dataclasses.replace(
            host,
            aliases=frozenset(self._known.get(host.name, ())),
            kind=one.kind if one else '',
            cpus=one.cpus if one else None,
        )


def _aliases(hypervisors: Iterable[Hypervisor]) -> dict[str, set[str]]:
    """Names and addresses, by host."""
    found: dict[str, set[str]] = {}
    for one in hypervisors:
        if one.kind not in ELSEWHERE:
            known = found.setdefault(one.host, set())
            known.update(map(one_line, filter(None, (one.name, one.address))))
    return found
