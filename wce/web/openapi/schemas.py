"""JSON Schemas of the models that validate bodies and of the types that answers have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from wce.web.openapi import answers
from wce.web.openapi.operation import Operation

Direction = Literal["validation", "serialization"]
Key = tuple[str, Direction]
_TEMPLATE: Final = "#/components/schemas/{model}"
_ALWAYS: Final = (answers.Problem, answers.Cell, answers.Bound)


class _Generator(GenerateJsonSchema):
    """An answer made from a dataclass has all of its fields; pydantic takes those with a default for optional."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """A title that says the name once more says nothing."""
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:
        return (self.mode == "serialization" and field["type"] == "dataclass-field") or super().field_is_required(field, total)


def is_media_type(value: Any) -> bool:
    """Whether an answer is named by its media type, having no schema that we know."""
    return isinstance(value, str)


def of(operations: Iterable[Operation]) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
    """The schema of each type by the type's `id`, most of them references, and the components that they refer to."""
    taken: dict[int, tuple[Any, Direction]] = {id(item): (item, "serialization") for item in _ALWAYS}
    for operation in operations:
        if operation.body is not None:
            taken.setdefault(id(operation.body), (operation.body, "validation"))
        for item in operation.answers.values():
            if item is not None and not is_media_type(item):
                taken.setdefault(id(item), (item, "serialization"))
    adapters = [(key, mode, TypeAdapter(item)) for key, (item, mode) in taken.items()]
    found, definitions = TypeAdapter.json_schemas(adapters, ref_template=_TEMPLATE, schema_generator=_Generator)
    return {key: schema for (key, _mode), schema in found.items()}, dict(sorted(definitions.get("$defs", {}).items()))
