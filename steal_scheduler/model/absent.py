"""Why Nova tells nothing of a server that an orchestrator names."""

import enum


class Absent(enum.StrEnum):
    """A sentence for a person; each says what a mark of it is worth."""

    #: Nova has had it, and has deleted it: its mark may go.
    DELETED = 'Nova has deleted this server'
    #: Nova may still have it, and migrate it: its cell is down, say, or Nova
    #: does not answer.
    HIDDEN = 'Nova does not tell of it now: is its cell down?'
    #: Nova has never had it, or has purged what it knew. A Kubernetes cluster
    #: may span two clouds, say, with a migrator in each: the mark is the other
    #: one's, and to remove it would put a server into service that the other
    #: Nova is about to migrate.
    FOREIGN = (
        'Nova has never had this server, or has purged it: is it one of '
        'another cloud or region?'
    )
