"""Two hot hosts are cured by two migrators, on a real control plane."""

from tests.integration import daemons
from tests.integration.cloud import events, lab

setUpModule = lab.set_up()


class TestCure(daemons.TestCase):
    def setUp(self):
        super().setUp()
        self.lab = lab.lab
        self.addCleanup(self.lab.clear)
        for name in (*lab.MIGRATORS, 'nova-scheduler', 'nova-conductor'):
            self.keep(self.lab.services[name].log)

    def test_one_server_leaves_each_hot_host(self):
        pairs = [self.lab.boot('a1', 'a1'), self.lab.boot('a2', 'a2')]
        ids = [id_ for pair in pairs for id_ in pair]
        self.lab.suffer(ids)
        lab.wait_for(
            lambda: (
                all(
                    len({self.lab.host(id_) for id_ in pair}) == 2
                    for pair in pairs
                )
                and not self.lab.left(ids)
            ),
            lab.PATIENCE,
            'one server to have left each host, and to be back in service',
        )
        self.assertEqual(4, len({self.lab.host(id_) for id_ in ids}))
        done = [self.lab.done(id_) for id_ in ids]
        self.assertEqual([], [t for d in done for t in events.trouble(d)])
        self.assertEqual(2, sum(d.count('migrate') for d in done))
        leading = [self.lab.metric(m, 'leader') for m in lab.MIGRATORS]
        self.assertEqual(1, sum(leading))
