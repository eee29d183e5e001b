"""A WSGI application of OpenStack as a program, as OpenStack has none.

``python -m tests.integration.cloud.serve MODULE PORT``
"""

import importlib
import sys

import waitress


def main() -> None:
    module, port = sys.argv[1:]
    # What Nova parses when it is imported.
    del sys.argv[1:]
    application = importlib.import_module(module).application
    waitress.serve(application, host='127.0.0.1', port=port, threads=8)


if __name__ == '__main__':
    main()
