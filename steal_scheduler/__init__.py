"""CPU steal in an OpenStack cloud, cured by live migration.

From what is measured (``signals``) and what Nova knows (``nova_client``),
``decision`` decides which servers move; ``moves`` moves them. ``migrator`` is
the service around all this. ``scheduler`` runs in nova-scheduler, which
chooses the hosts.
"""
