"""The shapes of answers about templates, files and versions that no dataclass of the core has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wce.core.loading.sheet import Column
from wce.core.loading.source import Fault
from wce.web.openapi.answers import Answer, Cell, Seconds, VersionEntry


class Difference(Answer):
    """What changed from one version to another, in the form of `diff -u`; empty for equal ones."""

    from_: Annotated[int, Field(alias="from")]
    to: int
    diff: str


class TemplateEntry(Answer):
    """A template without the page that it makes."""

    id: int
    name: str
    title: str
    description: str
    syntax: Literal["jinja", "markdown", "html"]
    content: str
    published: bool
    access: Literal["public", "user", "admin"]
    run_as: Literal["caller", "definer"]
    created_at: Seconds
    modified_at: Seconds
    created_by: int | None
    modified_by: int | None


class AssetEntry(Answer):
    """A file of the cenv's pages; `url_forever` may be kept for ever, as it holds the hash."""

    id: int
    path: str
    content_type: str
    size: int
    hash: str
    created_at: Seconds
    modified_at: Seconds
    modified_by: int | None
    url: str
    url_forever: str


class Assets(Answer):
    """Every file, their bytes together, and how many there may be."""

    assets: list[AssetEntry]
    size: int
    max_size: int


class TemplateVersion(VersionEntry):
    """A version with its text."""

    content: str


class TableImport(Answer):
    """What an import of rows did."""

    table: str
    created: bool
    rows: int
    columns: list[Column]


class TablePreview(Answer):
    """What an import of rows would do; the first rows, and what is wrong."""

    columns: list[Column]
    rows: list[list[Cell]]
    row_count: int
    errors: list[Fault]
