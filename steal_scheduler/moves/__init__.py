"""A move on its way: its stages, its tag, its side effects.

``tags.py`` says what a tag means; ``effects.py`` has Nova write it.
"""
