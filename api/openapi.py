"""What the OpenAPI document says beyond what FastAPI finds out: bodies that we read ourselves, and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.batch_bodies import BatchRequest
from api.bodies import ClassifyRequest, ErrorBody, SentenceRequest
from api.error_examples import error_examples

# Bodies that `read_json` reads, so that FastAPI doesn't know them.
REQUEST_BODIES: tuple[type[BaseModel], ...] = (
    ClassifyRequest,
    SentenceRequest,
    BatchRequest,
)
ERRORS: Mapping[int, str] = {
    400: "The model type is unknown (the body lists those there are), or the text is blank.",
    401: "The token is missing, expired or forged.",
    403: "The token lacks the permission that this route needs, or a header contradicts it.",
    413: "The body, the text in it, or the batch is too large.",
    415: "The body isn't declared as application/json.",
    422: "The body, or the parameters, haven't the shape of this route; the content is never repeated.",
    429: "The tenant has used its requests or tokens for this minute: try again after Retry-After seconds.",
    500: "A fault of ours; report it with its request_id.",
    503: "No worker, Kafka, model or database, or too much at once: try again after Retry-After seconds.",
    504: "No answer came before the deadline.",
}
_TEXT_HEADER = {"schema": {"type": "string"}}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
_HEADERS: Mapping[int, Mapping[str, object]] = {
    401: {"WWW-Authenticate": _TEXT_HEADER},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of a route's errors, for FastAPI's `responses`."""
    return {
        status: {
            "model": ErrorBody,
            "description": ERRORS[status],
            "headers": {
                "X-Request-ID": _TEXT_HEADER,
                "Content-Language": _TEXT_HEADER,
                **_HEADERS.get(status, {}),
            },
            "content": _examples(error_examples(status)),
        }
        for status in statuses
    }


def answer_response(examples: Mapping[str, object], *headers: str) -> dict[int | str, dict[str, Any]]:
    """The documentation of a route's answer, beyond its model."""
    return {
        200: {
            "headers": dict.fromkeys(("X-Request-ID", *headers), _TEXT_HEADER),
            "content": _examples(examples),
        }
    }


def unavailable_response(
    model: type[BaseModel], description: str, examples: Mapping[str, object]
) -> dict[int | str, dict[str, Any]]:
    """The documentation of a 503 that is an answer, not an error."""
    return {503: {"model": model, "description": description, "content": _examples(examples)}}


def json_request_body(model: type[BaseModel], examples: Mapping[str, object]) -> dict[str, Any]:
    """The documentation of a body that the route reads with `read_json`, for FastAPI's `openapi_extra`."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {"application/json": {"schema": schema, "examples": dict(examples)}}
    return {"requestBody": {"required": True, "content": content}}


def query_parameters(model: type[BaseModel], examples: Mapping[str, object]) -> dict[str, Any]:
    """The documentation of parameters that the route checks itself, for FastAPI's `openapi_extra`."""
    parameters = []
    for name, schema in model.model_json_schema()["properties"].items():
        # What isn't sent is None inside; no caller can write a null into an address.
        alternatives = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
        plain = {**schema, **(alternatives[0] if alternatives else {})}
        described = {"description": plain.pop("description"), "schema": plain}
        if plain.get("default", 0) is None:
            del plain["default"]
        if name in examples:
            described["example"] = examples[name]
        parameters.append({"name": name, "in": "query", "required": False, **described})
    return {"parameters": parameters}


def legacy_operation_id(route: APIRoute) -> str:
    """The operation id of a route under /api/v1/veriaidpo: its function's name, which never changes."""
    return route.name


def bare_operation_id(route: APIRoute) -> str:
    """The operation id of the same route without the prefix."""
    return f"{route.name}_bare"


def install_openapi(app: FastAPI) -> None:
    """Let `app` describe itself with the bodies above; made once, when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            components = document.setdefault("components", {}).setdefault("schemas", {})
            for model in REQUEST_BODIES:
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                components.update(schema.pop("$defs", {}))
                components[model.__name__] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _examples(examples: Mapping[str, object]) -> dict[str, Any]:
    return {"application/json": {"examples": dict(examples)}}
