"""Nova's two databases, as files that live as long as the test process."""

import functools
import tempfile
from typing import Any

import nova.conf
from nova import context, objects
from nova.db.api import api as api_db
from nova.db.api import models as api_models
from nova.db.main import api as main_db
from nova.db.main import models as main_models
from oslo_utils import uuidutils

from tests.unit.scheduler import base

# Here and not in a test, which has a temporary directory of its own.
_DIRECTORY = tempfile.TemporaryDirectory(prefix='steal-scheduler-')
API, MAIN = (f'sqlite:///{_DIRECTORY.name}/{name}' for name in ('api', 'main'))


@functools.cache
def create() -> None:
    """Once for each process: Nova's engines cannot be configured again."""
    nova.conf.CONF.set_override('connection', API, group='api_database')
    nova.conf.CONF.set_override('connection', MAIN, group='database')
    main_db.configure(nova.conf.CONF)
    api_db.configure(nova.conf.CONF)
    api_models.BASE.metadata.create_all(api_db.get_engine())
    main_models.BASE.metadata.create_all(main_db.get_engine())


class DatabaseTestCase(base.SchedulerTestCase):
    """Nova's database is there; what tests put into it stays."""

    def setUp(self) -> None:
        super().setUp()
        create()
        self.conf.set_override('connection', MAIN, group='database')
        self.admin = context.get_admin_context()

    def new_name(self, kind: str) -> str:
        return f'{kind}-{uuidutils.generate_uuid()[:8]}'

    def add_zone(self, *hosts: str) -> str:
        """An availability zone with these hosts."""
        zone = self.new_name('zone')
        aggregate = objects.Aggregate(
            self.admin, name=zone, metadata={'availability_zone': zone}
        )
        aggregate.create()
        for host in hosts:
            aggregate.add_host(host)
        return zone

    def add_server(self, host: str | None, **fields: Any) -> str:
        """A server that was created before."""
        server = objects.Instance(
            self.admin,
            uuid=uuidutils.generate_uuid(),
            project_id='project',
            host=host,
            **fields,
        )
        server.create()
        return str(server.uuid)

    def add_new_server(self, **fields: Any) -> str:
        """A server that is being created."""
        server_id = uuidutils.generate_uuid()
        objects.BuildRequest(
            self.admin,
            project_id='project',
            instance_uuid=server_id,
            instance=objects.Instance(
                self.admin,
                uuid=server_id,
                project_id='project',
                **{'display_name': 'new', 'metadata': {}, **fields},
            ),
            block_device_mappings=objects.BlockDeviceMappingList(),
            tags=objects.TagList(),
        ).create()
        return server_id
