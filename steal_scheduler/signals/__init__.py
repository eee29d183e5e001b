"""Where the steal and the load of servers and hosts are measured.

``base.py`` is the contract of a source; ``model/cloud.py`` has the values.
"""
