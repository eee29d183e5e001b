"""What drains a server before it moves, and reattaches it afterwards.

``base.py`` is the contract. Each kind has a package (or module) of its name.
"""
