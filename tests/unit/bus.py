"""oslo.messaging without a broker, for the tests of what we send."""

from collections.abc import Sequence
from typing import Any

import oslo_messaging.conffixture
from oslo_config import cfg


def configuration(
    url: str = 'fake:/', opts: Sequence[tuple[str, Sequence[Any]]] = ()
) -> cfg.ConfigOpts:
    """A configuration whose message bus is in this process."""
    conf = cfg.ConfigOpts()
    for group, options in opts:
        conf.register_opts(options, group=group)
    conf([], default_config_files=[], default_config_dirs=[])
    oslo_messaging.conffixture.ConfFixture(conf, transport_url=url).setUp()
    return conf
