"""Events, as snapshots and thin, and the account they are of."""

from datetime import UTC, datetime
from typing import Any

from stripe import params

from ..errors import Refused
from ..objects import a_list
from ..routing import route
from ..state import Object, State

# Where the SDK fetches the object that a thin event names.
PATHS = {
    "checkout.session": "/v1/checkout/sessions",
    "invoiceitem": "/v1/invoiceitems",
}


@route("GET /v1/events/{event}", params.EventRetrieveParams)
def retrieve_event(state: State, id_: str) -> Object:
    return state.get("event", id_)


@route("GET /v1/events", params.EventListParams)
def list_events(
    state: State, *, type_: str | None = None, types: list[str] | None = None, **page: Any
) -> Object:
    if type_ and types:
        raise Refused(400, "You may only specify one of these parameters: type, types.")
    wanted = types or ([type_] if type_ else [])

    def keep(event: Object) -> bool:
        return not wanted or any(matches(event["type"], one) for one in wanted)

    return state.listed("event", "/v1/events", keep, **page)


def matches(type_: str, wanted: str) -> bool:
    """Tell whether ``customer.*`` means the type, or the type is named."""
    return type_.startswith(wanted[:-1]) if wanted.endswith("*") else type_ == wanted


@route("GET /v2/core/events/{event}")
def retrieve_thin_event(state: State, id_: str) -> Object:
    snapshot = state.objects["event"].get(snapshot_id(id_))
    if snapshot is None:
        raise Refused(404, f"Event not found: {id_}", code="not_found")
    return {**thin(snapshot), "changes": None, "data": {}}


def thin_id(id_: str) -> str:
    return id_.replace("evt_1", "evt_test_6")


def snapshot_id(id_: str) -> str:
    return id_.replace("evt_test_6", "evt_1")


def thin(event: Object) -> Object:
    """Return the event's thin form, as it is delivered."""
    obj, request = event["data"]["object"], event["request"]
    kind = obj["object"]
    reason = {"type": "request", "request": request} if request["id"] else None
    return {
        "id": thin_id(event["id"]),
        "object": "v2.core.event",
        "context": None,
        "created": datetime.fromtimestamp(event["created"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "livemode": event["livemode"],
        "reason": reason,
        "related_object": {
            "id": obj["id"],
            "type": kind,
            "url": f"{PATHS.get(kind, f'/v1/{kind}s')}/{obj['id']}",
        },
        "snapshot_event": event["id"],
        "type": f"v1.{event['type']}",
    }


@route("GET /v1/account")
def retrieve_account(state: State) -> Object:
    return {
        "id": state.account_id,
        "object": "account",
        "business_type": None,
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": state.now,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "billing@example.com",
        "external_accounts": a_list([], f"/v1/accounts/{state.account_id}/external_accounts"),
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }
