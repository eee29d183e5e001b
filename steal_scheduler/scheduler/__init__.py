"""What runs inside nova-scheduler: filters, a weigher, the view they use.

The order of the hosts itself is in ``decision/ranking.py``.
"""
