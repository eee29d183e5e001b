"""``openstack steal ...``: what steal-api says and is asked, on a terminal.

A plug-in of python-openstackclient. It runs on the machines of operators and
of tenants, and knows nothing of ours but texts, durations and the version: all
else is said by steal-api.
"""
