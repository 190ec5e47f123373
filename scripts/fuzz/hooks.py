"""
What Schemathesis cannot read in the specification, and what is accepted, each with its reason.

FUZZ_USER   whose shopper token is sent along; most requests then name that user, so that more than the refusal of others is tried
FUZZ_COUNTS a file that this run's counts are written to, as JSON
"""

import atexit
import json
import os
import random
import re
from datetime import datetime
from urllib.parse import unquote

import schemathesis
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

USER = os.environ.get("FUZZ_USER")
COUNTS = os.environ.get("FUZZ_COUNTS")

# An event of tomorrow is refused as a slip, and so is one before 1970: JSON Schema has no words for that.
schemathesis.openapi.format(
    "date-time",
    st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2026, 1, 1)).map(lambda time: time.isoformat(timespec="milliseconds") + "Z"),
)
FILES = ("application/x-ndjson", "application/jsonl", "text/csv", "text/tab-separated-values", "application/gzip")
schemathesis.serializer(*FILES)(
    lambda ctx, value: value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
)

# Refusals of what the schema allows: by their code alone where the code says it, else by code and field.
ACCEPTED_CODES = {
    "cursor-invalid": "cursors are signed; one that is made up is refused",
    "cursor-stale": "one that is made up may be cut from another list's",
    "scenario-unknown": "scenarios are the shop's own",
    "item-unknown": "with a shopper token, events are of items that are there",
    "invalid-filter": "a filter is a language of its own, with the shop's own fields",
    "import-file": "a file is judged by what is in it",
    "attribute-type": "an attribute has the type of its first value",
    "nothing-accepted": "event types are the shop's own, and whether a value is needed depends on the type",
    "body-damaged": "what is called gzip must be gzip",
    "headers-too-large": "a list of 500 long ids fits a body, not a URL (16 KiB)",
    "body-too-large": "a line of more than 64 KiB",
    "body-empty": "a file or lines without a line",
}
ACCEPTED_FIELDS = {
    "cursor": "an opaque text of an earlier answer",
    "after": "an opaque text of an earlier answer",
    "fields": "a list in a text",
    "exclude": "a list of ids in a text",
    "columns": "a mapping in a text",
    "delimiter": "one character, or \\t",
    "type": "event types are the shop's own",
    "value": "whether a value is needed depends on the event's type",
    "attributes": "any JSON, but for NUL, numbers beyond a double and fields called __proto__",
    "occurredAt": "what lies before a user's erasure is not taken again",
    "recommendationId": "what a position is one in; signed",
    "from": "a date, or a date and time",
    "to": "a date, or a date and time",
    "sourceId": "a shopper cannot be merged into themself",
    "items": "either items or a preset",
    "preset": "either items or a preset",
    "name": "variants have names of their own",
    "variants": "their shares add up to 1",
    "settings": "a variant's are those of a scenario, which must be named",
}

counts = {"requests": 0, "statuses": {}}
chance = random.Random(int(os.environ.get("FUZZ_SEED", "1")))


@schemathesis.hook
def before_call(context, case, kwargs):
    """In place of three of four users, the one whose token is sent along."""
    if USER is None or chance.random() < 0.25:
        return
    if case.path_parameters and "userId" in case.path_parameters:
        case.path_parameters["userId"] = USER
    for element in _elements(case.body):
        if isinstance(element, dict) and isinstance(element.get("userId"), str):
            element["userId"] = USER


def _elements(body):
    if not isinstance(body, dict):
        return []
    listed = body.get("events", body.get("ratings"))
    return listed if isinstance(listed, list) else [body]


@schemathesis.hook
def after_call(context, case, response):
    counts["requests"] += 1
    status = str(response.status_code)
    counts["statuses"][status] = counts["statuses"].get(status, 0) + 1


def _problem(response):
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


@schemathesis.check
def good_data_is_taken(ctx, response, case):
    """As positive_data_acceptance, but for rules that JSON Schema has no words for."""
    problem = _problem(response)
    if problem.get("code") in ACCEPTED_CODES or _is_bad_path(case):
        return None
    if problem.get("code") == "invalid-request" and _first_name(problem.get("field", "")) in ACCEPTED_FIELDS:
        return None
    return positive_data_acceptance(ctx, response, case)


def _is_bad_path(case):
    """A path that before_call has named the user in is judged anew by Schemathesis, as it is encoded: then control characters pass for good."""
    return USER is not None and any(re.search(r"[\x00-\x1f\x7f-\x9f]", unquote(str(value))) for value in (case.path_parameters or {}).values())


@schemathesis.check
def bad_data_is_refused(ctx, response, case):
    """As negative_data_rejection, but where a file was to be something else than text: it is sent as its text, and any text can be looked at as a file."""
    if case.media_type in FILES and not isinstance(case.body, (str, bytes)):
        return None
    return negative_data_rejection(ctx, response, case)


def _first_name(field):
    names = [name for name in str(field).split(".") if not name.isdigit() and name not in ("events", "ratings")]
    # items.3.type is a type; items.3.attributes.x is an attribute.
    return names[1] if len(names) > 1 and names[0] in ("items", "variants") else (names[0] if names else "")


@atexit.register
def _write_counts():
    if COUNTS is not None:
        with open(COUNTS, "w", encoding="utf-8") as file:
            json.dump(counts, file)
