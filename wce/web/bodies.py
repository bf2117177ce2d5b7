"""What each call takes, as strict models; a body that breaks one is `validation` with every bad field."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeVar

from flask import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from wce.core import passwords, users
from wce.errors import FieldError, WceError, invalid
from wce.model import Params, Value
from wce.web import current, jsonbody

_JSON: Final = "application/json"
LOGIN_BYTES: Final = 4 * 1024
JSON_BYTES: Final = 1024 * 1024
_READ_KEY: Final = "wce.body"
_LENGTH_DIGITS: Final = 15
_AS_IT_IS: Final = frozenset({str, float, type(None)})  # what SQLite takes whatever its value is
MAX_STATEMENTS: Final = 1000
# Where pydantic speaks of Python.
_SAYINGS: Final = dict.fromkeys(("model_type", "dict_type"), "Input should be an object")
_MOST_ERRORS: Final = 100  # told of one body; a million bytes of unknown fields would make ten million of answer

Model = TypeVar("Model", bound="Body")
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


def _principal(value: Any) -> Any:
    if value == "public" or (type(value) is int and 0 < value < 2**63):
        return value
    raise PydanticCustomError("principal", 'must be the id of a user or "public"')


def _everyone(value: Any) -> Any:
    return None if value is None else _principal(value)


def _user(value: Any) -> Any:
    if value is None or isinstance(value, str) or (type(value) is int and 0 < value < 2**63):
        return value
    raise PydanticCustomError("user", "must be the id or the name of a user")


def _bindable(value: Any) -> Any:
    if value is None or isinstance(value, list | dict):
        return value
    raise PydanticCustomError("bindable", "must be a list or an object")


# Checked by hand: pydantic names the branch of a union that it tried, which a client cannot know.
_ID: Final = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
_ANYBODY: Final = [_ID, {"const": "public"}]
_NULL: Final = {"type": "null"}
_BOUND: Final = {"$ref": "#/components/schemas/Bound"}
Principal = Annotated[Any, AfterValidator(_principal), WithJsonSchema({"anyOf": _ANYBODY})]
PrincipalOrAll = Annotated[Any, AfterValidator(_everyone), WithJsonSchema({"anyOf": [*_ANYBODY, _NULL]})]
User = Annotated[Any, AfterValidator(_user), WithJsonSchema({"anyOf": [_ID, {"type": "string"}, _NULL]})]
Bindable = Annotated[
    Any,
    AfterValidator(_bindable),
    WithJsonSchema({"anyOf": [{"type": "array", "items": _BOUND}, {"type": "object", "additionalProperties": _BOUND}, _NULL]}),
]


def _by(check: Callable[[str], object]) -> AfterValidator:
    """What the core asks for, asked here already: so all that is wrong with a body is told at once."""

    def judge(value: str) -> str:
        try:
            check(value)
        except WceError as error:
            raise PydanticCustomError("rule", error.errors[0].message) from error
        return value

    return AfterValidator(judge)


_NAME: Final = {"type": "string", "pattern": "^[A-Za-z0-9_]{3,32}$"}
_SECRET: Final = {"type": "string", "minLength": 8, "maxLength": 72, "format": "password"}
NewName = Annotated[str, _by(users.check_username), WithJsonSchema(_NAME)]
NewSecret = Annotated[str, _by(passwords.check), WithJsonSchema(_SECRET)]
Email = Annotated[str, _by(users.check_email)]


class Body(BaseModel):
    """No type is guessed, no field is ignored."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Credentials(Body):
    username: str
    password: str


class NewAccount(Credentials):
    username: NewName
    password: NewSecret


class NewCenv(NewAccount):
    example: str | None = None


class Registration(NewAccount):
    email: Email | None = None


class NewPassword(Body):
    current_password: str
    new_password: NewSecret
    end_keys: bool = False


class Confirmation(Body):
    password: str


class NewUser(NewAccount):
    role: Literal["owner", "admin", "editor", "viewer"]
    email: Email | None = None


class UserChanges(Body):
    role: Literal["owner", "admin", "editor", "viewer"] | None = None
    enabled: bool | None = None
    email: Email | None = None
    password: NewSecret | None = None


class NewPermission(Body):
    user_id: Principal
    table_name: str
    can_read: bool = False
    can_write: bool = False
    can_delete: bool = False
    can_grant: bool = False


class NewPolicy(Body):
    table_name: str
    user_id: PrincipalOrAll = None
    policy_type: Literal["read", "write", "delete"]
    sql_condition: str


class Statement(Body):
    sql: str
    params: Bindable = None


class Query(Statement):
    max_rows: Count | None = None
    format: Literal["objects", "arrays"] = "objects"
    read_only: bool = False
    as_user: User = None


class Transaction(Body):
    statements: Annotated[list[Statement], Field(min_length=1, max_length=MAX_STATEMENTS)]
    max_rows: Count | None = None
    format: Literal["objects", "arrays"] = "objects"


class Explanation(Statement):
    as_user: User = None


def read(model: type[Model], limit_bytes: int = JSON_BYTES) -> Model:
    """The request's body as `model`; raises `unsupported_media_type`, `too_large`, `malformed` or `validation`."""
    return validate(model, read_object(limit_bytes))


def read_object(limit_bytes: int = JSON_BYTES) -> dict[str, Any]:
    """The request's body as an object of any shape."""
    require_plain()
    request = current.request()
    if request.environ.get("CONTENT_TYPE") != _JSON and request.mimetype != _JSON:  # parsing the header costs, and is rarely needed
        raise WceError("unsupported_media_type", "Send JSON, with Content-Type: application/json.")
    return jsonbody.parse(raw(limit_bytes))


def require_plain() -> None:
    """Raise `unsupported_media_type` for a body that is compressed: it would be read, or kept, for what it is not."""
    coding = current.request().environ.get("HTTP_CONTENT_ENCODING")
    if coding and coding.strip().lower() not in ("", "identity"):
        raise WceError("unsupported_media_type", "Send the body as it is, without Content-Encoding.")


def raw(limit_bytes: int) -> bytes:
    """The request's body as it came; asked again, the same."""
    request = current.request()
    body: bytes | None = request.environ.get(_READ_KEY)
    if body is None:
        body = request.environ[_READ_KEY] = _read(request, limit_bytes)
    return body


def _read(request: Request, limit_bytes: int) -> bytes:
    length = request.environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdigit()):
        # A body that comes in chunks says no length, and a server that does not gather it first lets it be cut at the limit.
        request.max_content_length = limit_bytes + 1
        body = request.get_data()
        if len(body) > limit_bytes:
            raise _too_large(limit_bytes)
        return body
    if len(length) > _LENGTH_DIGITS or int(length) > limit_bytes:
        raise _too_large(limit_bytes)
    body = b""  # read here, for Flask's own way costs as much as parsing the JSON
    while len(body) < int(length):
        more = request.environ["wsgi.input"].read(int(length) - len(body))
        if not more:
            raise WceError("malformed", "The body is shorter than its Content-Length.")
        body += more
    return body


def _too_large(limit_bytes: int) -> WceError:
    return WceError("too_large", f"The body may have at most {limit_bytes} bytes.")


def validate(model: type[Model], value: dict[str, Any]) -> Model:
    """The value as `model`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[:_MOST_ERRORS]
        errors = tuple(FieldError(".".join(map(str, item["loc"])), _SAYINGS.get(item["type"], item["msg"])) for item in found)
        raise WceError("validation", "; ".join(f"{item.field}: {item.message}" for item in errors), errors=errors) from error


def parameters(value: list[Any] | dict[str, Any] | None) -> Params:
    """The values to bind; raises `validation` naming the bad one."""
    if value is None:
        return ()
    if isinstance(value, list):
        return tuple([item if type(item) in _AS_IT_IS else _parameter(item, f"params.{index}") for index, item in enumerate(value)])
    return {name: _parameter(item, f"params.{name}") for name, item in value.items()}


def _parameter(value: Any, field: str) -> Value:
    if isinstance(value, bool):
        return int(value)  # SQLite has no other truth
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise invalid(field, "must fit in 64 bits")
    if value is None or isinstance(value, int | float | str):
        return value
    if isinstance(value, dict) and value.keys() == {"$base64"} and isinstance(value["$base64"], str):
        return _blob(value["$base64"], field)
    raise invalid(field, 'must be null, a number, a string, true, false or {"$base64": "…"}')


def _blob(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(field, "is not base64") from error
