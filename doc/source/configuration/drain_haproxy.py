#!/usr/bin/env python3
"""Drain a server in HAProxy before it moves; put it back afterwards.

For a section with ``driver = command``. A server of Nova is the server of
the same name in every backend that has one. Drained means ours: people who
take a server out by hand use ``state maint``, and that is left alone.
"""

import csv
import os
import socket
import sys

#: Every HAProxy: 'stats socket ipv4@10.0.0.5:9999 level admin' in each.
HAPROXIES = [('10.0.0.5', 9999), ('10.0.0.6', 9999)]
#: Sessions that may be cut when the server moves.
SPARE = 0

UNDER_WAY = 75


def ask(haproxy, command):
    with socket.create_connection(haproxy, timeout=3) as connection:
        connection.sendall(command.encode() + b'\n')
        with connection.makefile(encoding='utf-8') as answer:
            return answer.read().strip()


def places(haproxy, name):
    """Backend, state and sessions of the server, wherever it stands."""
    stat = ask(haproxy, 'show stat -1 4 -1').removeprefix('# ')
    for row in csv.DictReader(stat.splitlines()):
        if row['svname'] == name:
            yield row['pxname'], row['status'], int(row['scur'])


def drain(name):
    sessions = 0
    for haproxy in HAPROXIES:
        for backend, status, current in places(haproxy, name):
            if not status.startswith(('MAINT', 'DRAIN')):
                ask(haproxy, f'set server {backend}/{name} state drain')
            sessions += current
    if sessions > SPARE:
        print(f'{sessions} sessions are left')
        return UNDER_WAY
    return 0


def reattach(name):
    for haproxy in HAPROXIES:
        for backend, status, _ in places(haproxy, name):
            if status.startswith('DRAIN'):
                ask(haproxy, f'set server {backend}/{name} state ready')
    return 0


def main():
    verbs = {'drain': drain, 'reattach': reattach}
    try:
        return verbs[sys.argv[1]](os.environ['STEAL_SERVER_NAME'])
    except OSError as error:
        # Not a no: ask again. The deadline of a drain is drain_timeout.
        print(f'HAProxy does not answer: {error}')
        return UNDER_WAY


if __name__ == '__main__':
    sys.exit(main())
