"""The examples in the OpenAPI documents: each is what its schema says."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.test_errors_documented import PAGE
from tests.test_openapi import HOSTS, document, resolved

# A picture cannot be written down in JSON.
PICTURE = {"$ref": "#/components/schemas/PictureRequest"}
type Example = tuple[str, Any]


@pytest.fixture(params=HOSTS)
def found(request, acme) -> Any:
    return document(request.param)


def bodies(found: Any) -> Iterator[Example]:
    """Yield the name of each operation that has a body, and the body as it is described."""
    for methods in found["paths"].values():
        for operation in methods.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if content["schema"] != PICTURE:
                    yield operation["operationId"], content


def answers(found: Any) -> Iterator[Example]:
    """Yield operation and status of each answer that has JSON, and the answer's description."""
    for methods in found["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                content = resolved(found, answer).get("content", {})
                if "application/json" in content:
                    yield f"{operation['operationId']} {status}", content["application/json"]


def wrong(found: Any, described: Any) -> list[str]:
    schema = {**described["schema"], "components": found["components"]}
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.message for error in validator.iter_errors(described["example"])]


def test_every_body_and_every_answer_has_a_valid_example(found):
    examples = [*bodies(found), *answers(found)]
    assert len(examples) > 20
    assert [name for name, described in examples if "example" not in described] == []
    told = {name: wrong(found, described) for name, described in examples}
    assert {name: why for name, why in told.items() if why} == {}


def test_no_answer_leaves_a_field_out(found):
    for name, described in answers(found):
        whole, *_ = described["schema"].get("anyOf", [described["schema"]])
        schema, example = resolved(found, whole), described["example"]
        if "results" in schema.get("properties", {}):
            schema, example = schema["properties"]["results"], example["results"]
        if "items" in schema:
            schema, [example] = resolved(found, schema["items"]), example
        assert set(schema.get("properties", example)) == set(example), name


def test_each_status_is_told_by_a_code_of_its_own(found):
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    refusals = [
        (name.split()[1], described["example"]["errors"][0]["code"])
        for name, described in answers(found)
        if described["schema"] == {"$ref": "#/components/schemas/Error"}
    ]
    assert len(set(refusals)) >= 8
    assert {(code, status) for status, code in refusals} - set(rows) == set()
