"""Examples in the OpenAPI documents: of every body, every answer and every refusal.

Bodies stand here whole, so that each makes sense to send. Answers are put together from their
fields: what is not here (the first of an enum, what is nested) follows from the schema, and what
follows from nothing is warned of, which fails the tests.
"""

from typing import Any

from drf_spectacular.drainage import warn

from tenant_apps.users.api_keys.client_credentials import ERRORS

PRODUCT = "0199c2a4-7c1e-7b3a-9d52-3f6e8a1b0c47"
CATEGORY = "0199c2a3-1f08-7d24-8e6b-5a90c3d7e211"
ORDER = "0199c2b9-40d5-7f61-b0a3-92e7d45c8f36"
PERSON = "0199c1f0-63aa-7c09-a4d8-1b7f2e9c5d80"
ROLE = "0199c1ef-9b27-7e53-86f4-d02a7c318b6e"
OTHER = "0199c2c1-8e94-7a1f-93c6-6d5b0f2a7e19"
KEY = "0199c2bd-52e6-7084-ad1b-c83f9e064a75"
EARLIER, LATER = "2027-03-01T09:30:00Z", "2027-03-08T09:30:00Z"
PASSWORD = "a long sentence of yours"  # noqa: S105  # an example
TOKEN = "eyJhbGciOiJFZERTQSIs..."  # noqa: S105  # cut
SCHEMA = {
    "color": {"type": "choice", "choices": ["red", "blue"], "required": True},
    "range": {"type": "number", "unit": "m"},
}
CATALOGUE = """\
Handle,Title,Type,Published,Variant SKU,Variant Inventory Qty,Variant Price
trail-lamp,Trail lamp,Lamps,true,TL-1,25,49.90
"""

# By component. A change names what it changes.
BODIES: dict[str, Any] = {
    "AcceptInvitationRequest": {"token": TOKEN, "name": "Kim", "password": PASSWORD},
    "ChangeRequest": {"plan": "team", "interval": "year", "prorated_at": EARLIER},
    "ChoiceRequest": {"plan": "team", "interval": "year"},
    "CategoryRequest": {"name": "Lamps", "slug": "lamps", "attribute_schema": SCHEMA},
    "ChangeEmailRequest": {"email": "kim@acme.example", "password": PASSWORD},
    "ChangePasswordRequest": {"old": PASSWORD, "new": "another sentence of yours"},
    "ClientCredentialsRequest": {
        "grant_type": "client_credentials",
        "client_id": KEY,
        "client_secret": "what follows the last _ of the key",
        "scope": "products:read orders:write",
    },
    "ConfirmResetRequest": {"token": TOKEN, "password": PASSWORD},
    "CopyRoleRequest": {"name": "Night shift"},
    "GiveGrantsRequest": {
        "kind": "category",
        "objects": [CATEGORY],
        "permissions": ["view_category"],
        "people": [PERSON],
    },
    "ImportFileRequest": {"file": CATALOGUE},
    "InvitationRequest": {"email": "kim@acme.example", "roles": [ROLE]},
    "IssueKeyRequest": {
        "name": "Shop sync",
        "role": ROLE,
        "scopes": ["products:read", "orders:write"],
        "addresses": ["192.0.2.0/24"],
        "expires_in_days": 90,
    },
    "LoginRequest": {"email": "owner@acme.example", "password": PASSWORD},
    "MakeOwnerRequest": {"password": PASSWORD},
    "PatchedCategoryRequest": {"attribute_schema": SCHEMA},
    "PatchedMeRequest": {"name": "Kim"},
    "PatchedMembersRequest": {"add": [PERSON], "remove": [OTHER]},
    "PatchedPersonRequest": {"is_active": False},
    "PatchedProductRequest": {"price": "44.90", "stock": 12},
    "PatchedRoleRequest": {"permissions": ["orders.view_order", "orders.change_order"]},
    "PatchedSettingsRequest": {"colour": "#1d4ed8", "time_zone": "Europe/Berlin"},
    "PersonRolesRequest": {"roles": [ROLE]},
    "PlaceOrderRequest": {"items": [{"product": PRODUCT, "quantity": 2}]},
    "ProductRequest": {
        "name": "Trail lamp",
        "slug": "trail-lamp",
        "sku": "TL-1",
        "description": "Lights a path for nine hours.",
        "price": "49.90",
        "stock": 25,
        "attributes": {"color": "red", "range": 80},
        "tags": ["outdoor"],
    },
    "RefreshRequest": {"refresh": TOKEN},
    "RequestResetRequest": {"email": "kim@acme.example"},
    "RoleRequest": {
        "name": "Packing",
        "description": "Sends orders on their way.",
        "rank": 15,
        "permissions": ["orders.view_order", "orders.change_order"],
    },
    "RotateKeyRequest": {"overlap_hours": 24},
    "SignUpRequest": {
        "subdomain": "acme",
        "company": "Acme Outfitters",
        "email": "owner@acme.example",
        "password": PASSWORD,
        "plan": "team",
    },
}
# Fields that mean the same in every answer, and those that a component has for itself.
FIELDS: dict[str, Any] = {
    "id": OTHER,
    "created_at": EARLIER,
    "updated_at": EARLIER,
    "expires_at": LATER,
    "last_used_at": EARLIER,
    "accepted_at": None,
    "revoked_at": None,
    "currency": "EUR",
    "email": "kim@acme.example",
    "role": ROLE,
    "next": None,
    "previous": None,
    "count": 1,
}
_API_KEY = {
    "id": KEY,
    "name": "Shop sync",
    "user": PERSON,
    "roles": ["Staff"],
    "scopes": ["products:read", "orders:write"],
    "addresses": ["192.0.2.0/24"],
    "created_by": OTHER,
}
ANSWERS: dict[str, dict[str, Any]] = {
    "ApiKey": _API_KEY,
    "Billing": {
        "plan": "team",
        "plan_name": "Team",
        "is_charged": True,
        "status": "active",
        "trial_ends_at": None,
        "period_ends_at": LATER,
        "cancels_at_period_end": False,
        "dunning": None,
        "read_only_from": None,
        "takes_payments": True,
    },
    "Category": {
        "id": CATEGORY,
        "name": "Lamps",
        "slug": "lamps",
        "attribute_schema": SCHEMA,
        "products_count": 7,
        "avg_price": "38.40",
    },
    "Explanation": {"allowed": True, "missing": ""},
    "Grant": {"permission": "view_category", "person": PERSON, "role": None},
    "Import": {
        "status": "done",
        "url": f"https://acme.example.com/api/imports/{OTHER}/",
        "filename": "products_export.csv",
        "rows_total": 120,
        "rows_done": 120,
        "created": 94,
        "updated": 25,
        "refused": 1,
        "error": "",
        "finished_at": LATER,
    },
    "Invoice": {
        "number": "FH-0007",
        "status": "paid",
        "total": "29.00",
        "url": "https://invoice.example/i/7",
        "pdf": "https://invoice.example/i/7/pdf",
    },
    "Invitation": {"roles": [ROLE], "invited_by": PERSON},
    "IssuedKey": {**_API_KEY, "key": f"fh_live_{KEY.replace('-', '')}_..."},
    "KeyToken": {"access_token": TOKEN, "expires_in": 600, "scope": "products:read orders:write"},
    "Me": {"id": PERSON, "name": "Kim", "role": "staff", "email_verified": True},
    "OAuthError": {"error": "invalid_client", "error_description": ERRORS["invalid_client"]},
    "Line": {"text": "Team, the rest of the month", "amount": "12.30"},
    "Link": {"url": "https://checkout.example/c/pay/7"},
    "Measure": {"used": 48210, "limit": 2000000, "share": 0.0241},
    "Offer": {"plan": "team", "name": "Team", "interval": "month", "price": "29.00"},
    "Order": {"id": ORDER, "number": 1001, "total": "99.80"},
    "OrderItem": {
        "product": PRODUCT,
        "product_name": "Trail lamp",
        "quantity": 2,
        "unit_price": "49.90",
        "line_total": "99.80",
    },
    "Permission": {"code": "orders.view_order", "title": "Orders: view", "may_give": True},
    "Person": {
        "id": PERSON,
        "name": "Kim",
        "is_active": True,
        "roles": ["Staff"],
        "last_login": EARLIER,
    },
    "Plan": {
        "code": "team",
        "name": "Team",
        "description": "For a shop that grows.",
        "price_month": "29.00",
        "price_year": "290.00",
        "trial_days": 14,
        "features": ["api_keys", "own_logo"],
        "limits": {"max_users": 25, "max_products": 5000},
    },
    "Product": {
        "id": PRODUCT,
        **BODIES["ProductRequest"],
        "category": CATEGORY,
        "category_name": "Lamps",
        "image": "https://acme.example.com/files/AZnCpHweezqdUj9u.../",
        "image_url": "",
        "is_active": True,
        "views": 311,
    },
    "Preview": {
        "plan": "team",
        "interval": "month",
        "due": "12.30",
        "credit": "0.00",
        "takes_effect_at": None,
        "needs_checkout": False,
        "prorated_at": EARLIER,
    },
    "Reason": {"name": "Staff", "text": "The role Staff holds it."},
    "Refusal": {"line": 57, "handle": "trail-lamp-old", "reason": "“dear” is not a price."},
    "Requested": {"detail": "If the address is known here, a mail is on its way to it."},
    "Role": {
        "id": ROLE,
        **BODIES["RoleRequest"],
        "code": None,
        "is_built_in": False,
        "members_count": 3,
    },
    "Session": {
        "is_browser": True,
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "address": "192.0.2.7",
        "started_at": EARLIER,
        "is_this": True,
    },
    "Settings": {
        "name": "Acme Outfitters",
        "logo": "https://acme.example.com/logo/",
        "colour": "#1d4ed8",
        "time_zone": "Europe/Berlin",
    },
    "SignedUp": {"url": "https://acme.example.com"},
    "SignedUpTenant": {"subdomain": "acme", "name": "Acme Outfitters", "status": "active"},
    "Subdomain": {"subdomain": "acme", "available": True, "reason": ""},
    "TokenPair": {"access": TOKEN, "refresh": TOKEN},
    "Usage": {"start": "2027-03-01T00:00:00Z", "end": "2027-04-01T00:00:00Z"},
}
# Answers that no component tells, by operation and status.
ANSWERS_OF_ONE: dict[tuple[str, str], Any] = {
    ("add_favorite", "200"): {"status": "added"},
    ("exchange_api_key", "400"): {
        "error": "invalid_request",
        "error_description": ERRORS["invalid_request"],
    },
}
# Code, detail, and the field or parameter it is about.
REFUSALS: dict[int, tuple[str, str, str | None]] = {
    400: ("required", "This field is required.", "name"),
    401: ("not_authenticated", "Authentication credentials were not provided.", None),
    402: ("payment_required", "This portal is read-only until it is paid for.", None),
    403: ("permission_denied", "You do not have permission to perform this action.", None),
    404: ("not_found", "Not found.", None),
    406: ("not_acceptable", "Could not satisfy the request Accept header.", None),
    409: ("conflict", "This contradicts what is there by now.", None),
    412: ("precondition_failed", "This was changed since you read it.", None),
    413: ("body_too_large", "The body is too large.", None),
    415: ("unsupported_media_type", 'Unsupported media type "text/plain" in request.', None),
    422: ("idempotency_key_reused", "This key was sent with another request.", None),
    429: ("too_many_attempts", "Too many requests. Please try again later.", None),
    500: ("error", "Something went wrong on our side.", None),
    503: ("try_again", "Please try again in a moment.", None),
}


def refusal(status: int) -> dict[str, Any]:
    """Return an example of a refusal in the one format."""
    code, detail, attr = REFUSALS[status]
    kind = "server_error" if status >= 500 else "validation_error" if attr else "client_error"
    return {"type": kind, "errors": [{"code": code, "detail": detail, "attr": attr}]}


def add_examples(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Give what is sent and answered an example (a hook of the library's)."""
    schemas = result["components"]["schemas"]
    for operations in result["paths"].values():
        for operation in operations.values():
            _add_to(operation, schemas)
    return result


def _add_to(operation: Any, schemas: Any) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        component = _component(content["schema"])
        # A picture is no text, and an example is nothing else.
        if component in BODIES:
            content["example"] = BODIES[component]
        elif component != "PictureRequest":
            warn(f"There is no example of {component}.")
    for status, answer in operation["responses"].items():
        for kind, content in answer.get("content", {}).items():
            if kind == "application/json":
                own = ANSWERS_OF_ONE.get((operation["operationId"], status))
                content["example"] = own or _example(content["schema"], schemas)


def _component(schema: Any) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _example(schema: Any, schemas: Any, name: str = "") -> Any:
    """Return what ``schema``, of the component or field ``name``, describes."""
    if component := _component(schema):
        return _example(schemas[component], schemas, component)
    if one_of := schema.get("allOf") or schema.get("anyOf") or schema.get("oneOf"):
        return _example(one_of[0], schemas, name)
    if "enum" in schema:
        return schema["enum"][0]
    if "items" in schema:
        return [_example(schema["items"], schemas, name)]
    if "properties" not in schema:
        warn(f"There is no example of {name}.")
    known = FIELDS | ANSWERS.get(name, {})
    return {
        field: known[field] if field in known else _example(inner, schemas, f"{name}.{field}")
        for field, inner in schema.get("properties", {}).items()
    }
