"""What the console scripts call: a missing extra is named, not traced.

NOTE: nothing else may be imported at the top; see ``extras``.
"""

from steal_scheduler.cmd.extras import needs


def exporter() -> int:
    with needs('steal-exporter', 'exporter'):
        from steal_scheduler.cmd.exporter import main

        return main()


def manage() -> int:
    with needs('steal-manage', 'migrator'):
        from steal_scheduler.cmd.manage import main

        return main()


def migrator() -> int:
    with needs('steal-migrator', 'migrator'):
        from steal_scheduler.cmd.migrator import main

        return main()


def status() -> int:
    with needs('steal-status', 'migrator'):
        from steal_scheduler.cmd.status import main

        return main()
