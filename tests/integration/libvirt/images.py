"""A stand-in for Glance whose images are our guest, each with its load."""

import pathlib
import uuid
from collections.abc import Iterable
from typing import Any

from steal_scheduler.demo import http, image

#: Nobody reads it, but Nova wants one to boot a kernel beside.
_DISK = bytes(1 << 20)
_KERNEL_ID = str(uuid.uuid5(uuid.NAMESPACE_OID, 'kernel'))


class Images:
    """An image for each load that was asked for, and the kernel of all."""

    def __init__(self, kernel: pathlib.Path) -> None:
        self._files: dict[str, bytes] = {}
        self._images: dict[str, dict[str, Any]] = {}
        self._add(_KERNEL_ID, kernel.read_bytes(), container_format='aki')

    def booting(self, load: str) -> str:
        """The id of an image whose guest does that; see ``guest.c``."""
        id_ = str(uuid.uuid5(uuid.NAMESPACE_OID, f'load {load}'))
        self._add(
            id_,
            _DISK,
            kernel_id=_KERNEL_ID,
            os_command_line=load,
            # The clock of our guest.
            hw_time_hpet='true',
        )
        return id_

    def app(
        self, environ: http.Environ, start_response: http.StartResponse
    ) -> Iterable[bytes]:
        """Answer for these images; for all else as the demo does."""
        match environ['PATH_INFO'].strip('/').split('/'):
            case ['v2', 'images', id_] if id_ in self._images:
                return http.reply(start_response, self._images[id_])
            case ['v2', 'images', id_, 'file'] if id_ in self._files:
                raw = self._files[id_]
                start_response(
                    '200 OK',
                    [
                        ('Content-Type', 'application/octet-stream'),
                        ('Content-Length', str(len(raw))),
                    ],
                )
                return [raw]
        return image.app(environ, start_response)

    def _add(self, id_: str, raw: bytes, **properties: str) -> None:
        self._files[id_] = raw
        self._images[id_] = {
            **image.IMAGE,
            'id': id_,
            'size': len(raw),
            **properties,
        }
