"""Who may ask for what: the rules, as code; an operator's file overrides.

Two rules stand for each call about servers: ``steal:servers:list`` lets who
has a role in a project ask about the servers of that project, without names
of hosts; ``steal:servers:list:all_projects`` lets ask about all.
"""

from typing import Any

from oslo_context.context import RequestContext
from oslo_policy import opts, policy

from steal_scheduler.api.calls import CALLS, Call
from steal_scheduler.conf import api as options
from steal_scheduler.exception import ConfigError

ADMIN = 'rule:steal:admin'
LOOKER = 'rule:steal:looker'
#: NOTE: where Keystone lets no role imply another one, a member is no reader.
_OWN_LOOK = '(role:reader or role:member) and project_id:%(project_id)s'
_OWN_ASK = 'role:member and project_id:%(project_id)s'

_ROLES = (
    policy.RuleDefault('steal:admin', 'role:admin', 'Whoever operates.'),
    policy.RuleDefault(
        'steal:looker',
        'rule:steal:admin or (role:reader and system_scope:all)',
        'Whoever may look at all that there is.',
    ),
)


def list_rules() -> list[Any]:
    """All rules, for ``oslopolicy-sample-generator`` and its kin."""
    found = [*_ROLES]
    for call in CALLS:
        everywhere = ADMIN if call.changes else LOOKER
        if call.of_a_project:
            own = _OWN_ASK if call.changes else _OWN_LOOK
            about = ' Of servers of the own project.'
            found.append(_rule(call, call.rule, own, about))
        about = ' Of servers of all projects.' if call.of_a_project else ''
        found.append(_rule(call, call.rule_for_all, everywhere, about))
    return found


def _rule(call: Call, name: str, check: str, about: str) -> Any:
    return policy.DocumentedRuleDefault(
        name=name,
        check_str=check,
        description=f'{call.summary}{about}',
        operations=[{'method': call.method, 'path': call.path}],
        scope_types=['project', 'system'],
    )


def enforcer(conf: Any) -> Any:
    """What ``oslo_policy`` of the configuration makes of the rules.

    :raises ConfigError: the policy's file cannot be read
    """
    opts.set_defaults(conf)
    found = policy.Enforcer(conf)
    found.register_defaults(list_rules())
    try:
        found.load_rules()
    except (OSError, ValueError, policy.InvalidDefinitionError) as error:
        raise ConfigError(
            f'[oslo_policy] policy_file = {conf.oslo_policy.policy_file!r}: '
            f'{error}. Correct the file, or remove it.'
        ) from error
    return found


def get_enforcer() -> Any:
    """For the tools of oslo.policy, which have a command line of their own.

    :raises ConfigError: a configuration or policy file cannot be read
    """
    return enforcer(options.load([], 'steal-api'))


def project_of_view(
    rules: Any, call: Call, context: RequestContext
) -> str | None:
    """Whose servers alone it may be about; None: of all.

    :raises Forbidden: whoever asks may not ask for it
    """
    if rules.enforce(call.rule_for_all, {}, context):
        return None
    project_id: str | None = context.project_id
    if call.of_a_project and project_id:
        target = {'project_id': project_id}
        if rules.enforce(call.rule, target, context):
            return project_id
    raise Forbidden(call.rule_for_all)


class Forbidden(Exception):
    """Whoever asks has not the right that the rule of this name wants."""
