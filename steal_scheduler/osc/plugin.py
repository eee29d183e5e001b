"""What python-openstackclient looks for in a plug-in, by these names.

See "Plugins" in its documentation. It is found by the entry points
``openstack.cli.extension`` (this module) and ``openstack.steal.v1`` (the
commands).
"""

import argparse
from typing import Any

from osc_lib import utils

DEFAULT_API_VERSION = '1'
API_VERSION_OPTION = 'os_steal_api_version'
#: The attribute of the client manager.
API_NAME = 'steal'
#: A tuple: the classes behind them are ours alone.
API_VERSIONS = ('1',)


def make_client(instance: Any) -> Any:
    """The client of steal-api, when a command first asks for it.

    :param instance: the client manager of the ``openstack`` command
    """
    # NOTE: here, for each ``openstack`` command loads this module.
    from steal_scheduler.osc import client

    return client.of_manager(instance)


def build_option_parser(
    parser: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """Add the global option of the version."""
    parser.add_argument(
        '--os-steal-api-version',
        metavar='<steal-api-version>',
        # Else what clouds.yaml says, else DEFAULT_API_VERSION: so the shell.
        default=utils.env('OS_STEAL_API_VERSION'),
        help=f'Version of steal-api, default={DEFAULT_API_VERSION} '
        '(Env: OS_STEAL_API_VERSION)',
    )
    return parser
