"""The options of the Prometheus source about agents inside servers."""

from oslo_config import cfg

from steal_scheduler.model.cloud import GuestKey
from steal_scheduler.signals.names import GUEST_LABELS

_BY_KEY = ', '.join(
    f'``{label}`` by {key}' for key, label in GUEST_LABELS.items()
)

OPTS = [
    cfg.StrOpt(
        'guest_preset',
        default='none',
        choices=[
            ('none', 'guests are not asked'),
            ('node_exporter', 'node_exporter inside the guests'),
        ],
        help="""
What tells of guests from inside, beside a preset for hypervisors.

A guest's load average says more about its queue than anything that is seen
from outside. Its own count of steal serves to check the hypervisor's, and
never replaces it. Servers whose guests tell nothing are judged without.

Possible values:

* The names below. ``preset = node_exporter`` asks guests in any case.

Related options:

* ``guest_key``, ``guest_label``, ``guest_regex``, ``guest_selector``
* ``guest_waited_query``, ``guest_load_query``
""",
    ),
    cfg.StrOpt(
        'guest_key',
        default=GuestKey.UUID.value,
        choices=[
            (GuestKey.UUID.value, 'the uuid of its Nova server'),
            (GuestKey.NAME.value, 'the name of its Nova server'),
            (GuestKey.ADDRESS.value, 'one of its IP addresses'),
        ],
        help="""
What a guest is known by.

Names and addresses are not unique in a cloud: a guest that may be two
servers, or a server that two guests claim to be, is left out.

Possible values:

* The names below. Prefer ``uuid``: Prometheus' discovery of OpenStack has
  it, as ``__meta_openstack_instance_id``.

Related options:

* ``guest_label``, ``guest_regex``
""",
    ),
    cfg.StrOpt(
        'guest_label',
        help=f"""
Label that holds what a guest is known by.

Possible values:

* A label name
* Unset: {_BY_KEY}

Related options:

* ``guest_key``, ``guest_regex``, ``guest_selector``
""",
    ),
    cfg.StrOpt(
        'guest_regex',
        default=r'\[?([^]:]+|[^]]*:[^]]*:[^]]*)\]?(?::\d+)?',
        help=r"""
Regular expression that turns the guest label into the uuid, name or address.

Possible values:

* A Python regular expression which matches the whole label; its first group
  is what the guest is known by. The default strips a port, and the brackets
  around an IPv6 address.

Related options:

* ``guest_label``, ``guest_key``
""",
    ),
    cfg.StrOpt(
        'guest_selector',
        help="""
Which series of node_exporter are those of guests.

Possible values:

* A list of PromQL label matchers, without braces: ``job="guests"``
* Unset: those that have the label ``guest_label``. Where that is
  ``instance``, which hypervisors have as well, it must be set.

Related options:

* ``guest_label``, ``host_selector``
""",
    ),
]
