"""Why Nova tells nothing of a server that an orchestrator names."""

import enum


class Absent(enum.Enum):
    """Each says what may be done with a mark that names the server."""

    #: Nova has had it, and has deleted it: its mark may go.
    DELETED = enum.auto()
    #: Nova may still have it, and migrate it: its cell is down, say, or Nova
    #: does not answer.
    HIDDEN = enum.auto()
    #: Nova has never had it, or has purged what it knew. A Kubernetes cluster
    #: may span two clouds, say, with a migrator in each: the mark is the other
    #: one's, and to remove it would put a server into service that the other
    #: Nova is about to migrate.
    FOREIGN = enum.auto()
