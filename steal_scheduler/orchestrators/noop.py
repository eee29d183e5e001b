"""For servers that no orchestrator knows: drains and reattaches nothing."""

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import DONE, Answer, Orchestrator


class Noop(Orchestrator):
    def drain(self, server: Server, node: str) -> Answer:
        return DONE

    def reattach(self, server: Server, node: str) -> Answer:
        return DONE
