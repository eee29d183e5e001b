"""What others and tenants may send us, made worse from a seed: ``make fuzz``.

A seed draws a case: a frozen dataclass whose ``events`` happen one after the
other. ``driver.py`` plays the cases of many seeds, and leaves events out of
one that fails until nothing can be left out any more.
"""
