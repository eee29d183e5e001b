"""Live migrations, as Nova's records tell them."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Migration:
    """A live migration, as Nova's records tell it."""

    migration_id: int
    server_id: str
    status: str
    source: str
    #: None until Nova's scheduler has chosen.
    target: str | None
    created_at: float
    updated_at: float
    user_id: str | None = None
    #: We asked Nova to end it. NOTE: after a restart that is forgotten.
    aborted: bool = False

    @property
    def completed(self) -> bool:
        return self.status in ('completed', 'done')

    @property
    def failed(self) -> bool:
        return self.status in ('error', 'failed', 'cancelled')

    @property
    def stopped(self) -> bool:
        """It failed since somebody wanted it to.

        Nova 33 and 34 call what we had them abort an ``error``.
        """
        return self.failed and (self.aborted or self.status == 'cancelled')

    @property
    def ended(self) -> bool:
        return self.completed or self.failed

    @property
    def running(self) -> bool:
        """The memory is being copied: the time-out counts from here."""
        return self.post_copy or self.status in ('running', 'post-migrating')

    @property
    def post_copy(self) -> bool:
        """It runs on its target, and cannot go back: nobody can abort it."""
        return self.status == 'running (post-copy)'
