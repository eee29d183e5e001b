"""Services of others, made up: state in plain Python behind their HTTP API.

Only what cannot be had in a test stands here, or what would take too long to
start for each of a thousand of them. None of them is the real one: the tests
in ``tests/contract`` ask a stand-in and the real daemon the same, so that it
cannot lie about what they ask.
"""
