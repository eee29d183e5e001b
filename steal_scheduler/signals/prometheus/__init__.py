"""Signals out of a Prometheus.

``source.py`` asks, ``parse.py`` turns answers into samples, ``assemble.py``
turns samples into servers and hosts. A preset file says what is asked.
"""
