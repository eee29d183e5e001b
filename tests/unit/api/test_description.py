"""The description says what the code does; schemathesis tries it."""

import json
import pathlib
import re
import warnings
from typing import Any

import falcon.inspect
import hypothesis
import jsonschema
import schemathesis
from oslotest import base
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from steal_scheduler.api import answers, app, calls, description, errors
from steal_scheduler.api.schemas import PARAMETERS
from tests.unit.api import rig

PAGE = pathlib.Path(__file__).parents[3] / 'doc/source/reference/api.rst'
DRAFT = jsonschema.Draft202012Validator


class TestDescription(rig.ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        found = self.ask(None, 'GET', '/v1/openapi.json')
        self.document = json.loads(found.text)

    def operations(self) -> dict[tuple[str, str], Any]:
        return {
            (path, method.upper()): operation
            for path, methods in self.document['paths'].items()
            for method, operation in methods.items()
        }

    def resolved(self, schema: Any) -> Any:
        """With what is referred to in its place."""
        if isinstance(schema, list):
            return [self.resolved(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        if '$ref' in schema:
            name = schema['$ref'].rpartition('/')[2]
            return self.resolved(self.document['components']['schemas'][name])
        return {key: self.resolved(of) for key, of in schema.items()}

    def test_it_has_the_routes_of_the_app(self) -> None:
        inner = app._routes(None, self.leader)
        routes = {
            (route.path, method.method)
            for route in falcon.inspect.inspect_routes(inner)
            for method in route.methods
            if not method.internal
        }
        # It is no route of falcon's.
        routes.add((errors.HEALTH, 'GET'))
        self.assertEqual(routes, {*self.operations()})

    def test_it_has_the_schemas_of_the_calls(self) -> None:
        """Both ways: input is checked by them, answers are shaped by them."""
        found = self.operations()
        for call in calls.CALLS:
            operation = found[call.path, call.method]
            responses = operation['responses']
            good = [status for status in responses if status < '300']
            self.assertEqual([str(call.status)], good)
            self.assertEqual(
                json.loads(json.dumps(call.answer)),
                self.resolved(
                    responses[good[0]]['content']['application/json']['schema']
                ),
            )
            body = operation.get('requestBody')
            self.assertEqual(call.body is None, body is None, call.name)
            if body:
                self.assertEqual(
                    json.loads(json.dumps(call.body)),
                    body['content']['application/json']['schema'],
                )
            parameters = {
                p['name']: (p['in'], p['required'], p['schema'])
                for p in operation['parameters']
            }
            expected: dict[str, Any] = {
                n: ('path', True, PARAMETERS[n]) for n in call.in_path
            }
            for name, needed in call.query.items():
                expected[name] = ('query', needed, PARAMETERS[name])
            self.assertEqual(expected, parameters)

    def test_all_schemas_are_some(self) -> None:
        for call in calls.CALLS:
            DRAFT.check_schema(call.answer)
            DRAFT.check_schema(call.body or {})
        for schema in PARAMETERS.values():
            DRAFT.check_schema(schema)

    def test_answers_are_as_it_says(self) -> None:
        for call in calls.CALLS:
            for who in ('admin', 'member'):
                found = self.ask_for(who, call)
                if found.status_code != 403:
                    DRAFT(call.answer).validate(found.json)
            DRAFT(call.answer).validate(answers.shaped(call.answer, {}))

    def test_every_parameter_and_status_is_used(self) -> None:
        used = {n for c in calls.CALLS for n in (*c.in_path, *c.query)}
        self.assertEqual({*PARAMETERS}, used)
        listed = {
            int(status)
            for operation in self.operations().values()
            for status in operation['responses']
        }
        self.assertEqual({*description._MEANING}, listed)

    def test_errors_are_as_it_says(self) -> None:
        """Every status that the leader can lead to, on every call."""
        found = self.operations()
        for call in calls.CALLS:
            documented = {*found[call.path, call.method]['responses']}
            expected = {*errors.STATUS.values()}
            if not (call.in_path or call.changes or call.query):
                expected -= {404}
            if not call.changes:
                expected -= {409}
            self.assertLessEqual({str(s) for s in expected}, documented)


class TestPage(base.BaseTestCase):
    """reference/api.rst."""

    def test_it_has_each_call_with_its_rule(self) -> None:
        page = PAGE.read_text('utf-8')
        found = re.findall(
            r'^``([A-Z]+) (/\S*)`` +``(steal:\S+)``$', page, re.M
        )
        self.assertEqual(
            [(c.method, c.path, c.rule) for c in calls.CALLS], found
        )
        public = re.findall(r'^``GET (/\S*)`` +everybody: ', page, re.M)
        self.assertEqual([*description.PUBLIC, errors.HEALTH], public)

    def test_it_has_each_status(self) -> None:
        found = re.findall(r'^(\d{3})      ', PAGE.read_text('utf-8'), re.M)
        no = [status for status in description._MEANING if status >= 400]
        self.assertEqual(no, [int(s) for s in found if s != '405'])


class TestAnything(rig.ApiTestCase):
    """Whatever is asked, right or wrong: never an error of ours."""

    def setUp(self) -> None:
        super().setUp()
        warnings.simplefilter('ignore')
        self.addCleanup(warnings.resetwarnings)
        self.schema = schemathesis.openapi.from_wsgi(
            '/v1/openapi.json', self.app
        )

    def ask_all(self, who: str) -> set[str]:
        """Every operation, with data that is right and that is not."""
        asked = set()
        for result in self.schema.get_all_operations():
            self.ask_for_anything(who, result.ok())
            asked.add(result.ok().label)
        return asked

    def ask_for_anything(self, who: str, operation: Any) -> None:
        # What it does with another token is tried elsewhere.
        excluded = [checks.ignored_auth]
        if who != 'admin' or operation.path == '/v1/pauses':
            # Who may not is refused; and that a zone has a name, but the
            # cloud none, is nothing that a query's schema can say.
            excluded.append(checks.positive_data_acceptance)
        right, wrong = (
            operation.as_strategy(generation_mode=mode)
            for mode in schemathesis.GenerationMode
        )

        @hypothesis.settings(
            max_examples=15,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=[*hypothesis.HealthCheck],
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(case=right | wrong)
        def run(case: Any) -> None:
            response = case.call(headers={'X-Auth-Token': who})
            try:
                case.validate_response(response, excluded_checks=excluded)
            except FailureGroup as error:
                # It is no Exception, and would end the whole run.
                raise AssertionError(str(error.exceptions)) from error

        run()

    def test_as_an_admin(self) -> None:
        expected = {f'{call.method} {call.path}' for call in calls.CALLS}
        self.assertLessEqual(expected, self.ask_all('admin'))

    def test_as_a_member(self) -> None:
        self.ask_all('member')

    def test_as_nobody(self) -> None:
        self.ask_all('nobody')
