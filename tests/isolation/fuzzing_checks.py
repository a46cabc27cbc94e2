"""What Schemathesis loads beside its own checks: see `fuzzing.py`."""

import json
import os
import re
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import is_unexpected_http_status_case

from tests.api import PASSWORD
from tests.files.pictures import picture

# `canary-of-portal1` is not in `canary-of-portal12`.
FOREIGN = {
    text: re.compile(re.escape(text) + "(?![a-z0-9])")
    for text in os.environ["FOREIGN_CANARIES"].split()
}
OWN = os.environ["OWN_CANARY"]
SECRETS = json.loads(os.environ["SECRETS"])


def whole(response) -> str:
    """Return an answer's headers and body as one text."""
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    return headers + response.content.decode(errors="replace")


@schemathesis.check
class NoForeignCanary:
    """Search each answer for another's canary, and see one's own at all."""

    def __init__(self):
        self.own = 0

    def after_response(self, ctx, response, case):
        answer = whole(response)
        for text, form in FOREIGN.items():
            assert not form.search(answer), f"A foreign row: {text}"
        self.own += OWN in answer

    def after_run(self, ctx):
        assert self.own, "No answer had the canary that all of them may have: the search is blind."


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Tell what each of two forms refers to again, beside the reference.

    It means the same; but the tool looks for ids to go on with in no reference below an ``anyOf``.
    """
    for operations in raw_schema["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    for form in content.get("schema", {}).get("anyOf", []):
                        name = form["$ref"].rpartition("/")[2]
                        form |= raw_schema["components"]["schemas"][name]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Let who asks keep their password: the run signs in with it again and again."""
    body = case.body
    if case.operation.label == "POST /api/me/password/" and isinstance(body, dict):
        new = body.get("new")
        would_do = isinstance(new, str) and 10 <= len(new) <= 1024 and not new.isdigit()
        if would_do and body.get("old") == PASSWORD:
            body["new"] = PASSWORD


@schemathesis.hook("before_call")
def each_key_once(context, case, kwargs):
    """Make a key of another one each time: to the tool a replay is something that came back."""
    if re.fullmatch(r"[\x21-\x7e]{1,255}", (case.headers or {}).get("Idempotency-Key", "")):
        case.headers["Idempotency-Key"] = str(uuid4())


@schemathesis.hook("before_call")
def examples_with_secrets(context, case, kwargs):
    """Send examples with secrets that work, before the run has made all of them void."""
    if case.operation.label in SECRETS and case.meta and case.meta.phase.name == "examples":
        # Not in place: it is the document's own, of which other phases make theirs.
        case.body = case.body | SECRETS[case.operation.label]


@schemathesis.check
class RefusedByARule:
    """Hold an operation that may refuse data of the right form to the rules it does so by."""

    def __init__(self, rules):
        self.rules = rules

    def after_response(self, ctx, response, case):
        rules = self.rules.get(case.operation.label)
        is_data = case.meta.generation.mode.is_positive and not is_unexpected_http_status_case(case)
        if rules and is_data and response.status_code == 400:
            codes = {error["code"] for error in response.json()["errors"]}
            assert codes <= set(rules), f"Refused for {codes - set(rules)}: {response.text}"


@schemathesis.check
class EveryOperationSucceeded:
    """Fail at the end if an operation never answered 2xx: only its refusals were tried then."""

    def __init__(self, but):
        self.tried = set()
        self.succeeded = set(but)

    def after_response(self, ctx, response, case):
        if response.request.method == case.operation.method.upper():
            self.tried.add(case.operation.label)
            if response.status_code < 300:
                self.succeeded.add(case.operation.label)

    def after_run(self, ctx):
        if os.environ["MUST_SUCCEED"]:
            assert self.tried <= self.succeeded, sorted(self.tried - self.succeeded)


# No schema tells what is in a file; these are pictures and catalogues.
for kind in ("JPEG", "PNG", "WEBP"):
    schemathesis.openapi.media_type(
        f"image/{kind.lower()}",
        st.builds(picture, st.just(kind), st.tuples(st.integers(1, 40), st.integers(1, 40))),
    )

_ROWS = st.builds(
    "{},{},{}\n".format,
    st.from_regex(r"[-a-z0-9]{1,20}", fullmatch=True),
    st.from_regex(r"[A-Za-z]{1,20}", fullmatch=True),
    st.integers(1, 10**6),
)
schemathesis.openapi.media_type(
    "text/csv",
    st.lists(_ROWS, min_size=1, max_size=5).map(
        lambda rows: ("Handle,Title,Variant Price\n" + "".join(rows)).encode()
    ),
)
