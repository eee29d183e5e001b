"""The whole service in one process, under everything that can go wrong.

A run is a list of events, drawn from a seed. The migrator, its stages and its
plug-ins are the real ones; what they talk to stands in memory, and the clock
is ours. After every effect the stand-ins are asked what must never be.
"""
