"""The options of a drain: what becomes of pods, how many nodes, until when."""

from oslo_config import cfg

PODS = (
    cfg.StrOpt(
        'mode',
        default='evict',
        choices=[
            ('evict', 'cordon the node and evict its pods, as kubectl drain'),
            ('soft', 'cordon and taint the node, and let its pods run'),
        ],
        help="""
How a node is drained.

Possible values:

* The words below.
""",
    ),
    cfg.StrOpt(
        'empty_dir',
        default='refuse',
        choices=[
            ('refuse', 'the server is not moved'),
            ('evict', 'they go, and what they kept there is lost'),
        ],
        help="""
What becomes of pods with an ``emptyDir`` volume, as ``kubectl drain
--delete-emptydir-data`` decides.

Possible values:

* The words below.
""",
    ),
    cfg.StrOpt(
        'unmanaged',
        default='refuse',
        choices=[
            ('refuse', 'the server is not moved'),
            ('evict', 'they go, and nobody starts them again'),
        ],
        help="""
What becomes of pods without a controller, or whose DaemonSet is gone, as
``kubectl drain --force`` decides.

Possible values:

* The words below.
""",
    ),
    cfg.StrOpt(
        'finished',
        default='leave',
        choices=[
            ('leave', 'they stay, with their logs'),
            ('evict', 'they are deleted, as kubectl drain does'),
        ],
        help="""
What becomes of pods that have succeeded or failed.

Possible values:

* The words below.
""",
    ),
    cfg.IntOpt(
        'grace_period',
        default=-1,
        min=-1,
        help="""
Seconds that an evicted pod has to end.

Possible values:

* -1 (default): as many as the pod itself asks for.
* 0 or more seconds; 0 kills it at once.
""",
    ),
)

PACE = (
    cfg.IntOpt(
        'max_drained',
        default=1,
        min=0,
        help="""
Nodes of the cluster that are out by our doing at a time. The next server
waits, and its node is not touched.

Possible values:

* A number; 0 for any.
""",
    ),
    cfg.StrOpt(
        'limit_label',
        help="""
Label of nodes whose values are limited each for itself.

Possible values:

* The key of a label: ``topology.kubernetes.io/zone``. Nodes without it count
  together.
* Unset: no such limit.

Related options:

* ``max_drained_per_label``; ``max_drained`` counts as well.
""",
    ),
    cfg.IntOpt(
        'max_drained_per_label',
        default=1,
        min=1,
        help="""
Nodes with the same value of ``limit_label`` that are out at a time.

Possible values:

* A number.
""",
    ),
    cfg.StrOpt(
        'wait_for',
        default='budgets',
        choices=[
            ('nothing', 'the migration begins when the last pod is gone'),
            (
                'budgets',
                'until each PodDisruptionBudget that had a pod there, and '
                'enough healthy ones, has enough again',
            ),
            (
                'replacements',
                'until it has as many healthy pods as before: not for pods '
                'that only this node can run',
            ),
        ],
        help="""
What has to be well again before the drain counts as done.

Possible values:

* The words below.
""",
    ),
    cfg.FloatOpt(
        'ready_timeout',
        default=60,
        min=0,
        help="""
Seconds for which a node that is back may be not ready. It takes pods again at
once; after this time it counts as back all the same, with a warning.

Possible values:

* Seconds; 0 to not look.
""",
    ),
)
