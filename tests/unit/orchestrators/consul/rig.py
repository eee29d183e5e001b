"""What the tests of the orchestrator ``consul`` begin with."""

from typing import Any

from oslotest import base

from steal_scheduler.conf import orchestrators
from steal_scheduler.orchestrators.consul.plugin import Consul
from tests.standins.consul import Cluster
from tests.standins.transport import mounted
from tests.unit.make import server
from tests.unit.options import configuration

ME = '11111111-1111-4111-8111-111111111111'
NODE_ID = '22222222-2222-4222-8222-222222222222'
ADDRESS, OTHER = '192.0.2.1', '192.0.2.9'
CATALOG = 'http://192.0.2.100:8500'


class ConsulTestCase(base.BaseTestCase):
    """A cluster with one node, and the server that it runs on."""

    def setUp(self) -> None:
        super().setUp()
        self.cluster = Cluster()
        self.node = self.cluster.add_node(
            'web-1', address=ADDRESS, node_id=NODE_ID
        )
        self.agent = self.cluster.agents['web-1']
        self.catalog = self.cluster.catalog
        self.enterContext(
            mounted(
                {f'http://{ADDRESS}:8500': self.agent, CATALOG: self.catalog}
            )
        )
        self.server = server(ME, name='web-1', addresses=(ADDRESS,))

    def consul(self, **options: Any) -> Consul:
        values = {
            'address': 'http://{address}:8500',
            'networks': ['192.0.2.0/24'],
            'catalog': CATALOG,
            'settle': 0,
            'timeout': 15,
        }
        conf = configuration(
            'consul',
            [*orchestrators.OPTS, *Consul.OPTS],
            **(values | options),
        )
        return Consul(conf, 'consul')
