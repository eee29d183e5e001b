"""The options of a Kubernetes cluster."""

from oslo_config import cfg

OPTS = (
    cfg.StrOpt(
        'kubeconfig',
        help="""
The kubeconfig file of the cluster: its API server, the certificate authority
of that, and who we are. It is required. It is read again, with the files that
it names, every minute and when the cluster refuses the login.

Possible values:

* An absolute path. Only the user of steal-migrator may be able to read it.

Related options:

* ``context``
""",
    ),
    cfg.StrOpt(
        'context',
        help="""
The context of ``kubeconfig`` that is used.

Possible values:

* The name of a context in that file.
* Unset (default): the ``current-context`` of that file.

Related options:

* ``kubeconfig``
""",
    ),
    cfg.FloatOpt(
        'timeout',
        default=5,
        min=0.5,
        max=8,
        help="""
Seconds that one answer of the API server may take. All other moves wait
meanwhile.

Possible values:

* 0.5 to 8 seconds.
""",
    ),
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

* One of the words that are explained below.
""",
    ),
    cfg.StrOpt(
        'empty_dir',
        default='refuse',
        choices=[
            ('refuse', 'the server is not moved'),
            ('evict', 'the pods are evicted; what they keep there is lost'),
        ],
        help="""
What becomes of pods with an ``emptyDir`` volume, as ``kubectl drain
--delete-emptydir-data`` decides.

Possible values:

* One of the words that are explained below.
""",
    ),
    cfg.StrOpt(
        'unmanaged',
        default='refuse',
        choices=[
            ('refuse', 'the server is not moved'),
            ('evict', 'the pods are evicted; nothing starts them again'),
        ],
        help="""
What becomes of pods without a controller, or whose DaemonSet is gone, as
``kubectl drain --force`` decides.

Possible values:

* One of the words that are explained below.
""",
    ),
    cfg.IntOpt(
        'grace_period',
        default=-1,
        min=-1,
        max=86400,
        help="""
Seconds that an evicted pod has to end.

Possible values:

* -1 (default): as many as the pod itself asks for.
* 0 to 86400 seconds; 0 kills it at once.
""",
    ),
    cfg.IntOpt(
        'max_drained',
        default=1,
        min=0,
        max=5000,
        help="""
Number of nodes of the cluster that steal-migrator drains at the same time. The
next server waits, and its node is not touched.

Possible values:

* 1 to 5000 nodes; 0 for any number.
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
What has to be healthy again before the drain is done.

Possible values:

* One of the words that are explained below.
""",
    ),
)
