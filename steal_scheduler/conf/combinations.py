"""Options whose values are allowed, and hardly meant together."""

from collections.abc import Iterator
from typing import Any


def unlikely(conf: Any) -> Iterator[str]:
    """Name the options, their values, what comes of it, and the cure.

    :param conf: with the options of all plugins that are in use
    """
    hosts, detection = conf.hosts, conf.detection
    if hosts.host_steal_threshold >= detection.steal_threshold:
        yield (
            f'[hosts] host_steal_threshold = {hosts.host_steal_threshold:g} '
            'percent is not below [detection] steal_threshold = '
            f'{detection.steal_threshold:g} percent: servers move to hosts '
            'where they are contended again. Lower the first one, or raise '
            'the second one.'
        )
    pause = conf.migrator.poll_interval
    if conf.signals.max_age < 2 * pause:
        yield (
            f'[signals] max_age = {conf.signals.max_age:g} seconds is less '
            f'than two times [migrator] poll_interval = {pause:g} seconds: '
            'one lost reading makes all hosts unknown. Raise the first one, '
            'or lower the second one.'
        )
    if conf.signals.source == 'prometheus':
        yield from _prometheus(conf.prometheus, pause)
    for name in conf.migrator.orchestrators:
        # Only some drivers have it.
        settle = conf[name].settle if 'settle' in conf[name] else 0.0
        if settle >= conf.stages.drain_timeout:
            yield (
                f'[{name}] settle = {settle:g} seconds is not less than '
                f'[stages] drain_timeout = {conf.stages.drain_timeout:g} '
                'seconds: no drain ends in time, so none of its servers '
                'moves. Lower the first one, or raise the second one.'
            )


def long_window(window: float, pause: float) -> Iterator[str]:
    """Say so where it is longer than the time between two polls."""
    if window > pause:
        yield (
            f'[prometheus] window = {window:g} seconds is longer than '
            f'[migrator] poll_interval = {pause:g} seconds: two polls see the '
            'same burst. Four scrape intervals should fit into the first one. '
            'Lower the first one, or raise the second one.'
        )


def _prometheus(options: Any, pause: float) -> Iterator[str]:
    yield from long_window(options.window or 0.0, pause)
    if options.timeout >= pause / 4:
        yield (
            f'[prometheus] timeout = {options.timeout:g} seconds is not less '
            f'than a fourth of [migrator] poll_interval = {pause:g} seconds: '
            'a slow Prometheus holds up the moves. Lower the first one, or '
            'raise the second one.'
        )
