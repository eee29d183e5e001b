"""Kubernetes as the orchestrator: the node is cordoned, its pods evicted.

``plugin.py`` is what is called; ``drain.py`` has the steps of a drain.
"""
