"""How answers with ``?fields=`` appear in the OpenAPI documents."""

from typing import Any

from shared_apps.tenants.sparse import FIELDS


def add_sparse_answers(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Let what takes ``fields`` answer with all of them, or any (a hook of the library's).

    Of the whole answer there are two forms, so that generated clients tell them apart once: in
    the one that everybody gets who does not ask for fields, every field stays required.
    """
    for operations in result["paths"].values():
        for operation in operations.values():
            if any(each["name"] == FIELDS for each in operation.get("parameters", [])):
                content = operation["responses"]["200"]["content"]["application/json"]
                whole = content["schema"]
                content["schema"] = {"anyOf": [whole, _sparse(whole, result["components"])]}
    return result


def _sparse(reference: dict[str, str], components: Any) -> dict[str, str]:
    """Add the component's sparse form, once; return a reference to it."""
    path, _, name = reference["$ref"].rpartition("/")
    whole = components["schemas"][name]
    if "results" in whole["properties"]:
        rows = {
            "type": "array",
            "items": _sparse(whole["properties"]["results"]["items"], components),
        }
        sparse = whole | {"properties": whole["properties"] | {"results": rows}}
    else:
        sparse = {key: value for key, value in whole.items() if key != "required"}
    components["schemas"][f"Sparse{name}"] = sparse
    return {"$ref": f"{path}/Sparse{name}"}
