"""What to do, from signals and what Nova knows. No I/O, no log, no clock.

``decide.py`` names the steps in their order. ``ranking.py`` is the order of
hosts, which nova-scheduler uses too.
"""
