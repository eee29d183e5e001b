"""A real Prometheus that scrapes what the test serves."""

import json
import pathlib
from typing import Any, Self

import requests
from keystoneauth1 import loading
from oslo_config import cfg

from steal_scheduler.conf import signals
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.integration import daemons


def source(max_age: int = 120, **options: Any) -> PrometheusSource:
    """Return what is tested, with these options."""
    conf = cfg.ConfigOpts()
    conf.register_opts(signals.OPTS, group='signals')
    conf.register_opts(PrometheusSource.OPTS, group='prometheus')
    # What keystoneauth asks for is registered when it is needed.
    conf.register_opts(
        [
            *loading.get_auth_common_conf_options(),
            *loading.get_auth_plugin_conf_options('http_basic'),
        ],
        group='prometheus',
    )
    conf([], default_config_files=[])
    conf.set_override('max_age', max_age, group='signals')
    for name, value in options.items():
        conf.set_override(name, value, group='prometheus')
    return PrometheusSource(conf)


class Prometheus:
    """Scrapes every second, and keeps what it knows over a restart."""

    def __init__(
        self,
        directory: pathlib.Path,
        web: dict[str, Any] | None = None,
        cafile: str | None = None,
    ) -> None:
        """Describe it; start nothing.

        :param web: its web configuration: certificates, users
        :param cafile: what vouches for its certificate, if it has one
        """
        self._directory = directory
        port = daemons.free_port()
        self.url = f'http{"s" if cafile else ""}://127.0.0.1:{port}'
        self._cafile = cafile
        self._targets: list[dict[str, Any]] = []
        for name, config in ('web.yml', web or {}), ('prometheus.yml', {}):
            self._write(name, config)
        self.daemon = daemons.Daemon(
            'prometheus',
            [
                daemons.program('prometheus'),
                f'--config.file={directory}/prometheus.yml',
                f'--web.config.file={directory}/web.yml',
                f'--web.listen-address=127.0.0.1:{port}',
                f'--storage.tsdb.path={directory}/data',
            ],
            directory,
            self._ready,
        )

    def scrape(self, port: int, **labels: str) -> None:
        """Add a target; before it is started."""
        self._targets.append(
            {'targets': [f'127.0.0.1:{port}'], 'labels': labels}
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        self._write(
            'prometheus.yml',
            {
                'global': {'scrape_interval': '1s', 'scrape_timeout': '1s'},
                'scrape_configs': [
                    {'job_name': 'test', 'static_configs': self._targets}
                ],
            },
        )
        self.daemon.start()

    def stop(self) -> None:
        self.daemon.stop()

    def _write(self, name: str, config: dict[str, Any]) -> None:
        # JSON is YAML too.
        (self._directory / name).write_text(json.dumps(config))

    def _ready(self) -> bool:
        # NOTE: with users configured it answers 401, and is up all the same.
        response = requests.get(
            f'{self.url}/-/ready', timeout=5, verify=self._cafile
        )
        return response.status_code in (200, 401)
