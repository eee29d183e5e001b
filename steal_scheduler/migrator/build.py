"""The components of a migrator, put together from the configuration."""

import dataclasses
import hmac
from typing import Any

from steal_scheduler import startup
from steal_scheduler.conf import roles
from steal_scheduler.conf import rules as rules_conf
from steal_scheduler.decision.eligibility import MEMORY
from steal_scheduler.decision.rules import Rules
from steal_scheduler.exception import ConfigError
from steal_scheduler.messaging.acknowledgement import Receiver
from steal_scheduler.messaging.leader_rpc import LeaderServer
from steal_scheduler.messaging.notifier import Notifier
from steal_scheduler.messaging.view import Sender
from steal_scheduler.migrator import plugins
from steal_scheduler.migrator.desk import Desk
from steal_scheduler.migrator.leader import Leader
from steal_scheduler.moves.effects import Effects
from steal_scheduler.moves.tags import Signer
from steal_scheduler.nova_client.cache import NovaCache
from steal_scheduler.nova_client.client import GROUP, NovaClient
from steal_scheduler.orchestrators.dispatcher import Dispatcher
from steal_scheduler.reporting.journal import Journal
from steal_scheduler.reporting.metrics import Metrics
from steal_scheduler.signals.base import SignalSource

#: Bytes of a key, at least: a tenant has its tags, and time to guess.
SHORTEST_KEY = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Components:
    """All that a tick uses."""

    conf: Any
    rules: Rules
    nova: NovaClient
    nova_cache: NovaCache
    source: SignalSource
    dispatcher: Dispatcher
    effects: Effects
    leader: Leader
    sender: Sender
    receiver: Receiver
    journal: Journal
    metrics: Metrics
    desk: Desk
    leader_server: LeaderServer


def build(conf: Any) -> Components:
    """Put a migrator together; nothing is connected yet.

    :raises ConfigError: an option is wrong; the message names it
    """
    startup.check_values(conf)
    nova = NovaClient(conf, roles.rule(conf))
    orchestrators, assignment = plugins.orchestrators(conf)
    leader = Leader(
        conf,
        {
            '[nova] timeout': conf.nova.timeout,
            **{
                f'the options of [{name}]': each.seconds
                for name, each in orchestrators.items()
            },
        },
    )
    signer = Signer(tag_keys(conf), lambda: leader.number)
    effects = Effects(nova, leader, signer, conf.nova.timeout)
    dispatcher = Dispatcher(
        orchestrators, assignment, effects.in_time, signer.number
    )
    metrics = Metrics(lambda: nova.calls, lambda: nova.rows.unreadable)
    journal = Journal(metrics, Notifier(conf))
    desk = Desk(conf, nova, effects, journal)
    return Components(
        conf=conf,
        rules=rules_conf.rules(conf, dispatcher.rules),
        nova=nova,
        nova_cache=NovaCache(nova, MEMORY),
        source=plugins.signal_source(conf),
        dispatcher=dispatcher,
        effects=effects,
        leader=leader,
        sender=Sender(conf),
        receiver=Receiver(conf),
        journal=journal,
        metrics=metrics,
        desk=desk,
        leader_server=LeaderServer(conf, lambda: leader.left > 0, desk.answer),
    )


def tag_keys(conf: Any) -> tuple[bytes, ...]:
    """What our tags are signed with; the first one signs, all verify.

    :raises ConfigError: there is nothing that only we know
    """
    keys = [key.encode() for key in conf.migrator.tag_keys]
    short = [n for n, key in enumerate(keys, 1) if len(key) < SHORTEST_KEY]
    if short:
        raise ConfigError(
            f'[migrator] tag_keys: key {short[0]} of {len(keys)} is too '
            f'short. Give each {SHORTEST_KEY} characters or more.'
        )
    if not keys:
        section = conf[conf.nova.auth_section or GROUP]
        for name in ('application_credential_secret', 'password'):
            secret = name in section and section[name]
            if secret:
                # Not the password itself: a tag is for all to see.
                purpose = b'tags of steal-scheduler'
                return (hmac.digest(secret.encode(), purpose, 'sha256'),)
        raise ConfigError(
            '[migrator] tag_keys is not set, and [nova] has neither password '
            'nor application_credential_secret to take its place. Set '
            'tag_keys to a random text of 32 characters or more, the same on '
            'all controllers.'
        )
    return tuple(keys)
