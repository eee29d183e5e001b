"""``steal-api``: people ask the migrator that leads, over HTTP.

It keeps nothing, decides nothing and holds no key: it knows who asks (by
Keystone), whether they may (by oslo.policy), and passes the question on over
the message bus. What it answers is what the leader says.
"""
