"""libvirt's domain statistics, asked for as cheaply as it can be done.

The C library itself, and nothing made of what it answers.
"""

import ctypes

#: Bits of virDomainStatsTypes; 0 asks for all.
VCPU = 1 << 3
EVERYTHING = 0


class Libvirt:
    """One connection, kept open."""

    def __init__(self, uri: bytes) -> None:
        """Connect.

        :raises OSError: the library is missing, or nobody answers
        """
        self._library = ctypes.CDLL('libvirt.so.0')
        self._library.virConnectOpenReadOnly.restype = ctypes.c_void_p
        self._library.virConnectClose.argtypes = [ctypes.c_void_p]
        self._poll = self._library.virConnectGetAllDomainStats
        self._poll.argtypes = [
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.POINTER(ctypes.c_void_p),
            ctypes.c_uint,
        ]
        self._free = self._library.virDomainStatsRecordListFree
        self._free.argtypes = [ctypes.c_void_p]
        self._connection = self._library.virConnectOpenReadOnly(uri)
        if not self._connection:
            raise OSError(f'no libvirt at {uri.decode()}')

    def poll(self, what: int) -> int:
        """Ask once; return of how many servers the answer is.

        :raises OSError: there was no answer
        """
        records = ctypes.c_void_p()
        found = self._poll(self._connection, what, ctypes.byref(records), 0)
        if found < 0:
            raise OSError('virConnectGetAllDomainStats failed')
        self._free(records)
        return int(found)

    def close(self) -> None:
        self._library.virConnectClose(self._connection)
