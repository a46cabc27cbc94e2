from typing import Any

from stripe import params

from ..errors import Refused, no_such
from ..objects import made
from ..routing import route
from ..state import Object, State, with_metadata


@route("POST /v1/products", params.ProductCreateParams)
def create_product(
    state: State,
    *,
    name: str,
    id_: str | None = None,
    active: bool = True,
    description: str | None = None,
    metadata: Any = None,
    marketing_features: list[Object] | None = None,
    statement_descriptor: str | None = None,
    tax_code: str | None = None,
    unit_label: str | None = None,
    url: str | None = None,
) -> Object:
    if id_ in state.objects["product"]:
        raise Refused(400, "Product already exists.", code="resource_already_exists", param="id")
    product = made(
        state,
        "product",
        id_ or state.new_id("prod_", 14),
        active=active,
        description=description,
        images=[],
        marketing_features=marketing_features or [],
        name=name,
        statement_descriptor=statement_descriptor,
        tax_code=tax_code,
        type="service",
        unit_label=unit_label,
        updated=state.now,
        url=url,
    )
    with_metadata(product, metadata)
    state.add(product)
    state.emit("product.created", product)
    return product


@route("POST /v1/products/{product}", params.ProductUpdateParams)
def update_product(
    state: State,
    id_: str,
    *,
    name: str | None = None,
    active: bool | None = None,
    description: str | None = None,
    default_price: str | None = None,
    metadata: Any = None,
    marketing_features: Any = None,
    statement_descriptor: str | None = None,
    tax_code: str | None = None,
    unit_label: str | None = None,
    url: str | None = None,
) -> Object:
    product = state.live("product", id_)
    if default_price:
        state.get("price", default_price, "default_price")
    fields = {
        "name": name,
        "active": active,
        "description": description,
        "default_price": default_price,
        "statement_descriptor": statement_descriptor,
        "tax_code": tax_code,
        "unit_label": unit_label,
        "url": url,
    }
    with state.changing(product, "product.updated"):
        if marketing_features is not None:
            product["marketing_features"] = marketing_features or []
        given(product, fields)
        with_metadata(product, metadata)
        product["updated"] = state.now
    return product


def given(obj: Object, fields: Object) -> None:
    """Set the fields that were given; '' takes a value away."""
    obj.update(
        {
            name: None if value == "" else value
            for name, value in fields.items()
            if value is not None
        }
    )


@route("GET /v1/products/{product}", params.ProductRetrieveParams)
def retrieve_product(state: State, id_: str) -> Object:
    return state.get("product", id_)


@route("GET /v1/products", params.ProductListParams)
def list_products(
    state: State, *, active: bool | None = None, ids: list[str] | None = None, **page: Any
) -> Object:
    def keep(product: Object) -> bool:
        return active in (None, product["active"]) and (ids is None or product["id"] in ids)

    return state.listed("product", "/v1/products", keep, **page)


@route("DELETE /v1/products/{product}")
def delete_product(state: State, id_: str) -> Object:
    product = state.live("product", id_)
    if any(price["product"] == id_ for price in state.objects["price"].values()):
        raise Refused(400, "This product cannot be deleted because it has prices.")
    state.emit("product.deleted", product)
    product.clear()
    product.update(id=id_, object="product", deleted=True)
    return product


@route("POST /v1/prices", params.PriceCreateParams)
def create_price(
    state: State,
    *,
    currency: str,
    product: str | None = None,
    product_data: Object | None = None,
    unit_amount: int | None = None,
    unit_amount_decimal: Any = None,
    recurring: Object | None = None,
    active: bool = True,
    lookup_key: str | None = None,
    transfer_lookup_key: bool = False,
    metadata: Any = None,
    nickname: str | None = None,
    tax_behavior: str = "unspecified",
) -> Object:
    if unit_amount is None and unit_amount_decimal is None:
        text = "Missing required param: unit_amount."
        raise Refused(400, text, code="parameter_missing", param="unit_amount")
    if product_data:
        product = create_product(
            state, **{("id_" if k == "id" else k): v for k, v in product_data.items()}
        )["id"]
    elif product is None:
        text = "Missing required param: product."
        raise Refused(400, text, code="parameter_missing", param="product")
    else:
        state.live("product", product, "product")
    price = made(
        state,
        "price",
        state.new_id("price_1"),
        active=active,
        billing_scheme="per_unit",
        currency=currency.lower(),
        nickname=nickname,
        product=product,
        recurring=recurring and a_recurrence(recurring),
        tax_behavior=tax_behavior,
        type="recurring" if recurring else "one_time",
        unit_amount=unit_amount,
        unit_amount_decimal=str(unit_amount_decimal if unit_amount is None else unit_amount),
    )
    with_metadata(price, metadata)
    if lookup_key:
        take_lookup_key(state, price, lookup_key, transfer=transfer_lookup_key)
    state.add(price)
    state.emit("price.created", price)
    return price


def a_recurrence(given: Object) -> Object:
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "trial_period_days": given.get("trial_period_days"),
        "usage_type": given.get("usage_type", "licensed"),
    }


def take_lookup_key(state: State, price: Object, key: str, *, transfer: bool) -> None:
    for other in state.objects["price"].values():
        if other["lookup_key"] == key and other is not price:
            if not transfer:
                text = f"A price (`{other['id']}`) already uses that lookup key."
                raise Refused(400, text, param="lookup_key")
            with state.changing(other, "price.updated"):
                other["lookup_key"] = None
    price["lookup_key"] = key


@route("POST /v1/prices/{price}", params.PriceUpdateParams)
def update_price(
    state: State,
    id_: str,
    *,
    active: bool | None = None,
    lookup_key: str | None = None,
    transfer_lookup_key: bool = False,
    metadata: Any = None,
    nickname: str | None = None,
    tax_behavior: str | None = None,
) -> Object:
    price = state.get("price", id_)
    with state.changing(price, "price.updated"):
        if lookup_key:
            take_lookup_key(state, price, lookup_key, transfer=transfer_lookup_key)
        elif lookup_key == "":
            price["lookup_key"] = None
        given(price, {"active": active, "nickname": nickname, "tax_behavior": tax_behavior})
        with_metadata(price, metadata)
    return price


@route("GET /v1/prices/{price}", params.PriceRetrieveParams)
def retrieve_price(state: State, id_: str) -> Object:
    return state.get("price", id_)


@route("GET /v1/prices", params.PriceListParams)
def list_prices(
    state: State,
    *,
    active: bool | None = None,
    currency: str | None = None,
    lookup_keys: list[str] | None = None,
    product: str | None = None,
    type_: str | None = None,
    **page: Any,
) -> Object:
    if product and product not in state.objects["product"]:
        raise no_such("product", product, "product", 400)

    def keep(price: Object) -> bool:
        return (
            active in (None, price["active"])
            and currency in (None, price["currency"])
            and product in (None, price["product"])
            and type_ in (None, price["type"])
            and (lookup_keys is None or price["lookup_key"] in lookup_keys)
        )

    return state.listed("price", "/v1/prices", keep, **page)
