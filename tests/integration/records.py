"""Nova's migration records, as a run of the storm leaves and finds them."""

import contextlib
import sqlite3
import time

from tests.functional.scene import Scene


def pass_a_day(scene: Scene) -> None:
    """Let all of them be two days older.

    So nothing of one run is seen in the next: no cooldown, no failure that
    the breaker counts, no bytes.
    """
    path = scene.workdir / 'nova_cell1.sqlite'
    then = "strftime('%Y-%m-%d %H:%M:%f', {}, '-2 days')"
    columns = ', '.join(
        f'{c} = {then.format(c)}' for c in ('created_at', 'updated_at')
    )
    with contextlib.closing(sqlite3.connect(path, 30)) as database:
        database.execute(f'UPDATE migrations SET {columns}')
        database.commit()


def since(scene: Scene, server_id: str, begun: float) -> list[str]:
    """What became of its live migrations since.

    :param begun: epoch seconds; records of a day before are others'
    """
    at = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(begun - 3600))
    query = f'instance_uuid={server_id}&changes-since={at}'
    found = scene.call('GET', f'/os-migrations?{query}')['migrations']
    return [each['status'] for each in found]
