"""What Nova is asked for, one call after the other."""

import enum

#: The status of a migration that cannot be read; only its server is known.
UNREAD = 'unread'


class Listing(enum.StrEnum):
    """What Nova tells by calls of their own, each of which fails alone."""

    SERVERS = 'servers'
    MIGRATIONS = 'migrations'
    HOSTS = 'hosts'
    AGGREGATES = 'host aggregates'
    #: Part of the migrations, by a right of its own.
    MIGRATION_HOSTS = 'hosts of migrations'
