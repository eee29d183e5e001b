"""Commands one after the other, until one fails, as a program.

Its arguments: a file that it makes when all went well; and the commands, each
as JSON: a module and the arguments of its ``main``.
"""

import importlib
import json
import os
import pathlib
import sys


def main() -> int:
    done, *commands = sys.argv[1:]
    for argv in map(json.loads, commands):
        # Each has the global configuration to itself.
        pid = os.fork()
        if not pid:
            sys.argv = argv
            return importlib.import_module(argv[0]).main() or 0
        if os.waitpid(pid, 0)[1]:
            return 1
    pathlib.Path(done).touch()
    return 0
