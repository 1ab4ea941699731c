"""docs/API.md is what docs/reference.py writes, and /openapi.json is a sound document of every route."""

import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec

from runtime.server.app import ROUTES
from runtime.server.openapi import document, statuses

PROJECT = Path(__file__).resolve().parents[2]
WRITER = PROJECT / "docs" / "reference.py"


def test_the_page_is_what_its_writer_writes() -> None:
    done = subprocess.run([sys.executable, WRITER, "--check"], timeout=60, check=False)
    assert done.returncode == 0, "run `make docs` and commit docs/API.md"


def test_every_route_is_described() -> None:
    found = document(ROUTES)
    paths = found["paths"]
    assert isinstance(paths, dict)
    for route in ROUTES:
        assert route.summary.endswith("."), route.paths
        for path in route.paths:
            described = paths[path.replace(":.+", "")][route.method.lower()]
            assert set(described["responses"]) == {"200", *(str(status) for status, _ in statuses(route))}
            assert ("requestBody" in described) == (route.body is not None)


def test_operations_have_names_of_their_own() -> None:
    paths = document(ROUTES)["paths"]
    assert isinstance(paths, dict)
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_references_lead_somewhere_and_schemas_are_schemas() -> None:
    found = document(ROUTES)
    text = msgspec.json.encode(found).decode()
    components = found["components"]
    assert isinstance(components, dict)
    for kind in ("schemas", "responses"):
        for reference in text.split(f'"#/components/{kind}/')[1:]:
            assert reference.partition('"')[0] in components[kind]
    for schema in components["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
