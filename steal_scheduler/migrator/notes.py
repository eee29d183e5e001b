"""Notes at a server, besides the tag of its move: what its owner is told."""

from steal_scheduler.model.policy import Key
from steal_scheduler.moves.effects import Effects
from steal_scheduler.nova_client.client import NovaClient


class Notes:
    """Each checks the lease first, and raises a NovaFault that Nova answers.

    Also NovaForbids: a policy need not let us write metadata.
    """

    def __init__(self, nova: NovaClient, effects: Effects) -> None:
        self._nova = nova
        self._effects = effects

    def tell(self, server_id: str, said: str) -> None:
        """Write the notice into its metadata."""
        self._effects.check_lease()
        self._nova.set_metadata(server_id, Key.NOTICE, said)

    def untell(self, server_id: str) -> None:
        """Remove it, whoever wrote it."""
        self._effects.check_lease()
        self._nova.remove_metadata(server_id, Key.NOTICE)
