from typing import Any

from oslotest import base

from steal_scheduler.exception import NovaError, NovaRefused
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.nova_client import parse
from steal_scheduler.nova_client.client import MICROVERSION
from steal_scheduler.nova_client.servers import WITH_IMAGES
from tests.standins import nova_api
from tests.standins.app import Answer, Request
from tests.unit.nova_client import test_client


class ServersTest(test_client.ClientTest):
    def setUp(self) -> None:
        super().setUp()
        #: That Nova speaks, the newest last.
        self.versions = [MICROVERSION, WITH_IMAGES]
        self.properties: dict[str, Any] = {'hw_cpu_policy': 'dedicated'}
        self.api.instead['GET /servers/detail'] = self.answer_list
        self.api.instead['GET /servers/s'] = self.answer_one

    def told(self, request: Request) -> dict[str, Any] | None:
        """As the microversion has it; None where Nova does not speak it."""
        version = request.headers['openstack-api-version'].split()[1]
        if version not in self.versions:
            return None
        image: dict[str, Any] = {'id': 'i'}
        if version == WITH_IMAGES:
            image['properties'] = self.properties
        return nova_api.server(image=image)

    def answer_list(self, request: Request) -> Answer:
        told = self.told(request)
        if told is None:
            return nova_api.fault(406)
        return 200, {'servers': [] if 'marker' in request.query else [told]}

    def answer_one(self, request: Request) -> Answer:
        told = self.told(request)
        return (200, {'server': told}) if told else nova_api.fault(406)

    def pinned(self) -> list[int]:
        """vCPUs of the server that are, in each way to read it."""
        (page,) = self.client.page(None)
        (changed,) = self.client.changed(0.0)
        one = self.client.server('s')
        return [server.dedicated for server in (page, changed, one)]

    def test_the_image_says_it(self) -> None:
        self.assertEqual([4, 4, 4], self.pinned())
        self.properties = {}
        self.assertEqual([0, 0, 0], self.pinned())

    def test_an_older_nova_does_not_tell(self) -> None:
        self.versions.pop()
        self.assertEqual([0, 0, 0], self.pinned())
        # It is not asked each time.
        asked = len(self.api.asked)
        self.client.server('s')
        self.assertEqual(1, len(self.api.asked) - asked)

    def test_its_cell_is_down(self) -> None:
        """A real Nova fails of 2.98 then, as it does where it is ill."""
        for status, expected in (('UNKNOWN', 'UNKNOWN'), ('ACTIVE', '')):
            minimal = {'id': 's', 'status': status}

            def answer(request: Request, told: Any = minimal) -> Answer:
                if WITH_IMAGES in request.headers['openstack-api-version']:
                    return nova_api.fault(500)
                return 200, {'server': told}

            self.api.instead['GET /servers/s'] = answer
            if expected:
                self.assertEqual(expected, self.client.server('s').status)
            else:
                self.assertRaises(NovaError, self.client.server, 's')
        # It is busy: it is not asked twice.
        self.answer('GET /servers/s', 503)
        asked = len(self.api.asked)
        self.assertRaises(NovaError, self.client.server, 's')
        self.assertEqual(1, len(self.api.asked) - asked)

    def test_an_older_one_that_is_ill_is_not_asked_twice(self) -> None:
        self.versions.pop()
        self.client.server('s')
        self.answer('GET /servers/s', 500)
        asked = len(self.api.asked)
        self.assertRaises(NovaError, self.client.server, 's')
        self.assertEqual(1, len(self.api.asked) - asked)

    def test_one_that_speaks_neither(self) -> None:
        self.versions.clear()
        self.assertRaises(NovaRefused, self.client.server, 's')


class FromVolumeTest(base.BaseTestCase):
    def test_it_has_no_image(self) -> None:
        for image in ('', None, {}, {'id': 'i'}, {'properties': None}):
            raw = nova_api.server(image=image)
            self.assertEqual(0, parse.server(raw, RoleRule()).dedicated)
