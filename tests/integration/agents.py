"""The agents of a Consul, as a judge and other operators see them.

Nothing of ours is used here: it asks each agent by itself.
"""

from tests.integration.consul import MAINTENANCE, Datacenter

#: Why others put a node into maintenance.
_REASON = 'disk'


class Agents:
    def __init__(self, datacenter: Datacenter) -> None:
        self.datacenter = datacenter
        #: Whose server is deleted; it ended with it.
        self._gone: set[str] = set()

    def left(self, others: frozenset[str]) -> list[str]:
        """What of us is still to be seen, and what of others is not.

        :param others: nodes that others have put into maintenance
        """
        found = []
        for name in self.datacenter.nodes:
            if name in self._gone:
                continue
            why = self._why(name)
            if why != (_REASON if name in others else None):
                found.append(f'agent {name} is in maintenance: {why}')
        return found

    def short(self) -> list[str]:
        """Services that no agent offers now."""
        offered = self.datacenter.healthy('shop')
        return [] if offered else ['nobody offers the service shop']

    def is_out(self, name: str) -> bool:
        return self._why(name) is not None

    def take(self, name: str) -> None:
        """Put it into maintenance, as another operator."""
        path = f'agent/maintenance?enable=true&reason={_REASON}'
        self.datacenter.call('PUT', path, name)

    def give_back(self, name: str) -> None:
        self.datacenter.call('PUT', 'agent/maintenance?enable=false', name)

    def reset(self) -> None:
        """End all maintenance, by hand."""
        for name in self.datacenter.nodes:
            self.give_back(name)

    def end(self, name: str) -> None:
        """Its server is deleted."""
        self.datacenter.stop(name)
        self._gone.add(name)

    def begin(self, name: str) -> None:
        """There is a server of this name again, if it had ended."""
        if name in self._gone:
            self._gone.remove(name)
            self.datacenter.start(name)
            # It should have a new disk, and remembers nothing of the old.
            self.give_back(name)

    def _why(self, name: str) -> str | None:
        checks = self.datacenter.call('GET', 'agent/checks', name)
        reason: str | None = checks.get(MAINTENANCE, {}).get('Notes')
        return reason
