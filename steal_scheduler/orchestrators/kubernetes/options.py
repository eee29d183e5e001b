"""The options of a Kubernetes cluster."""

from oslo_config import cfg

from steal_scheduler.edge.option import number, one_of

OPTS = (
    cfg.StrOpt(
        'kubeconfig',
        help="""
Absolute path of the kubeconfig file of the cluster: its API server, the
certificate authority of that, and who we are. It is required, and only the
user of steal-migrator may be able to read it. It is read again, with the files
that it names, every minute and when the cluster refuses the login.
""",
    ),
    cfg.StrOpt(
        'context',
        help="""
The name of the context of ``kubeconfig`` that is used; unset for the
``current-context`` of that file.
""",
    ),
    number(
        'timeout',
        default=5.0,
        allowed='0.5 to 8 seconds',
        help="""
Seconds that one answer of the API server may take.
""",
    ),
    one_of(
        'mode',
        default='evict',
        words={
            'evict': 'cordon the node and evict its pods, as kubectl drain',
            'soft': 'cordon and taint the node, and let its pods run',
        },
        help='How a node is drained.',
    ),
    one_of(
        'empty_dir',
        default='refuse',
        words={
            'refuse': 'the server is not moved',
            'evict': 'the pods are evicted; what they keep there is lost',
        },
        help="""
What becomes of pods with an ``emptyDir`` volume, as ``kubectl drain
--delete-emptydir-data`` decides.
""",
    ),
    one_of(
        'unmanaged',
        default='refuse',
        words={
            'refuse': 'the server is not moved',
            'evict': 'the pods are evicted; nothing starts them again',
        },
        help="""
What becomes of pods without a controller, as ``kubectl drain --force``
decides.
""",
    ),
    number(
        'grace_period',
        default=-1,
        allowed='-1 to 86400 seconds',
        help="""
Seconds that an evicted pod has to end: 0 kills it at once, -1 gives it as many
as it asks for itself.
""",
    ),
    number(
        'max_drained',
        default=1,
        allowed='0 to 5000 nodes',
        help="""
Number of nodes of the cluster that steal-migrator drains at the same time; 0
for any number. The next server waits, and its node is not touched.
""",
    ),
    one_of(
        'wait_for',
        default='budgets',
        words={
            'nothing': 'the migration begins when the last pod is gone',
            'budgets': 'until each PodDisruptionBudget that had a pod there, '
            'and enough healthy ones, has enough again',
            'replacements': 'until it has as many healthy pods as before: '
            'not for pods that only this node can run',
        },
        help='What has to be healthy again before the drain is done.',
    ),
)
