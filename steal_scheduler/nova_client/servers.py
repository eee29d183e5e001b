"""Servers as Nova tells them, with the properties of their images if it does.

Nova tells those from microversion 2.98 on; what we need else is older.
"""

from collections.abc import Callable
from typing import Any

from novaclient.api_versions import APIVersion
from novaclient.exceptions import ClientException, NotAcceptable

from steal_scheduler.nova_client import parse

WITH_IMAGES = '2.98'


class Servers:
    """Reads like novaclient's manager of servers, and raises the same.

    One of several nova-api that is older than the others ends it for good.
    """

    def __init__(self, client: Callable[[str], Any], version: str) -> None:
        """Take what there is; call nothing.

        :param client: makes a client of Nova of a microversion
        :param version: that all of them speak
        """
        self._older = client(version).servers
        # NOTE: novaclient makes none of more than 2.96. Of a server it takes
        # what comes, so only what it sends says another version.
        newer = client(version)
        newer.client.api_version = APIVersion(WITH_IMAGES)
        self._manager = newer.servers

    def list(self, **query: Any) -> Any:
        return self._ask('list', **query)

    def get(self, server_id: str) -> Any:
        try:
            return self._ask('get', server_id)
        except ClientException as error:
            # NOTE: of a server whose cell is down Nova would read the image
            # there, and so it answers 500. It tells what it knows of 2.97.
            if error.code != 500 or self._manager is self._older:
                raise
            found = self._older.get(server_id)
            if found.status != parse.UNKNOWN:
                raise
            return found

    def _ask(self, verb: str, *args: Any, **query: Any) -> Any:
        if self._manager is not self._older:
            try:
                return getattr(self._manager, verb)(*args, **query)
            except NotAcceptable:
                self._manager = self._older
        return getattr(self._manager, verb)(*args, **query)
