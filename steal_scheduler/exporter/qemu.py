"""Which server a command line runs."""

import uuid


def identity(cmdline: bytes) -> tuple[str, str] | None:
    """Return a server's uuid and its domain's name; None: it is no server.

    :param cmdline: as in /proc/PID/cmdline
    """
    args = cmdline.split(b'\0')
    program = args[0].rpartition(b'/')[2]
    if program not in (b'qemu-kvm', b'kvm') and not program.startswith(
        b'qemu-system-'
    ):
        return None
    try:
        found = str(uuid.UUID(_after(args, b'-uuid')))
    except ValueError:
        return None
    return found, _guest(_after(args, b'-name'))


def is_vcpu(comm: bytes) -> bool:
    """Whether a thread of that name is a vCPU.

    QEMU names it so with ``-name debug-threads=on``, which libvirt gives.
    """
    who, _, accelerator = comm.rstrip(b'\n').partition(b'/')
    return accelerator in (b'KVM', b'TCG') and (
        (who.startswith(b'CPU ') and who[4:].isdigit())
        # TCG with one thread for all of them.
        or who == b'ALL CPUs'
    )


def _after(args: list[bytes], option: bytes) -> str:
    for name in (option, b'-' + option):
        if name in args[:-1]:
            return args[args.index(name) + 1].decode(errors='replace')
    return ''


def _guest(value: str) -> str:
    """The guest's name in a value of -name, in which ,, means a comma."""
    parts = value.replace(',,', '\0').split(',')
    for index, part in enumerate(parts):
        key, equals, name = part.partition('=')
        if key == 'guest' and equals:
            return name.replace('\0', ',')
        if index == 0 and not equals:
            return key.replace('\0', ',')
    return ''
