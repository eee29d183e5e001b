"""The components of a migrator, put together from the configuration."""

import dataclasses
from typing import Any

from steal_scheduler import startup
from steal_scheduler.conf import rules as rules_conf
from steal_scheduler.decision.eligibility import HISTORY
from steal_scheduler.decision.rules import Rules
from steal_scheduler.messaging.notifier import Notifier
from steal_scheduler.messaging.view import Sender
from steal_scheduler.migrator import plugins
from steal_scheduler.migrator.leader import Leader
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.nova_client.cache import NovaCache
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.orchestrators.dispatcher import Dispatcher
from steal_scheduler.reporting.journal import Journal
from steal_scheduler.reporting.metrics import Metrics
from steal_scheduler.signals.base import SignalSource


@dataclasses.dataclass(frozen=True, slots=True)
class Components:
    """All that a tick uses."""

    conf: Any
    rules: Rules
    nova: NovaClient
    nova_cache: NovaCache
    source: SignalSource
    dispatcher: Dispatcher
    leader: Leader
    sender: Sender
    journal: Journal
    metrics: Metrics


def build(conf: Any) -> Components:
    """Put a migrator together; nothing is connected yet.

    :raises ConfigError: an option is wrong; the message names it
    """
    startup.check_values(conf)
    nova = NovaClient(conf, RoleRule(**conf.roles))
    dispatcher = plugins.dispatcher(conf)
    metrics = Metrics(lambda: nova.calls)
    return Components(
        conf=conf,
        rules=rules_conf.rules(conf, dispatcher.rules),
        nova=nova,
        nova_cache=NovaCache(nova, HISTORY),
        source=plugins.signal_source(conf),
        dispatcher=dispatcher,
        leader=Leader(conf),
        sender=Sender(conf),
        journal=Journal(metrics, Notifier(conf)),
        metrics=metrics,
    )
