"""The operations about templates, the files beside them, and pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wce.core.templates import Template
from wce.web import template_bodies
from wce.web.openapi import answers, page_answers
from wce.web.openapi.operation import HTML, Operation, Parameter, form, listing

_MISSING: Final = ("not_found",)
_SAVE: Final = ("template_error", "busy")
_FAILURES: Final = ("not_found", "template_failed", "script_timeout", "busy")
_PRIVATE: Final = ("not_signed_in", *_FAILURES)
_EXAMPLE: Final = {"name": "posts/{slug}", "syntax": "jinja", "content": "<h1>{{ request.params.slug }}</h1>", "published": True}
_CONTENT: Final = {"syntax": "jinja", "content": "<h1>{{ request.params.slug }}</h1>"}

TEMPLATES: Final[Mapping[str, Operation]] = {
    "admin_templates.list_templates": Operation({200: listing("templates", page_answers.TemplateEntry)}, summary="All templates."),
    "admin_templates.save_template": Operation(
        {201: Template, 200: Template},
        template_bodies.NewTemplate,
        _EXAMPLE,
        errors=("name_taken", "changed_meanwhile", *_SAVE),
        summary="Make a template, or replace the existing one.",
    ),
    "admin_templates.preview": Operation(
        {200: HTML}, template_bodies.Preview, _CONTENT, errors=("template_error", *_FAILURES), summary="Preview the page that a text makes."
    ),
    "admin_templates.find_template": Operation({200: Template}, errors=_MISSING, summary="One template, with the page that it makes."),
    "admin_templates.update_template": Operation(
        {200: Template},
        template_bodies.TemplateChanges,
        {"published": False},
        errors=(*_MISSING, "name_taken", "changed_meanwhile", *_SAVE),
        summary="Change a template.",
    ),
    "admin_templates.delete_template": Operation({204: None}, errors=_MISSING, summary="Remove a template."),
    "admin_templates.list_versions": Operation(
        {200: listing("versions", answers.VersionEntry)}, errors=_MISSING, summary="The versions of a template, newest first."
    ),
    "admin_templates.find_version": Operation(
        {200: page_answers.TemplateVersion}, errors=_MISSING, summary="One version of a template, with its content."
    ),
    "admin_templates.diff": Operation(
        {200: page_answers.Difference}, errors=_MISSING, summary="What changed between two versions of a template."
    ),
    "admin_templates.restore": Operation({200: Template}, errors=(*_MISSING, *_SAVE), summary="Bring a version of a template back."),
    "admin_templates.runs": Operation(
        {200: listing("runs", answers.Run)},
        parameters=(Parameter("limit", "How many.", {"type": "integer", "minimum": 1, "maximum": 200}),),
        errors=(*_MISSING, "validation"),
        summary="When a template was rendered, newest first.",
    ),
}

ASSETS: Final[Mapping[str, Operation]] = {
    "admin_assets.list_assets": Operation({200: page_answers.Assets}, summary="The files of the cenv's pages."),
    "admin_assets.upload": Operation(
        {201: page_answers.AssetEntry, 200: page_answers.AssetEntry},
        sent=form(path={"type": "string"}),
        errors=("validation", "too_large", "unsupported_media_type", "malformed", "quota_exceeded", "disk_full", "busy"),
        summary="Save a file, from a form with the field file, and path if it is to have another name.",
    ),
    "admin_assets.put": Operation(
        {201: page_answers.AssetEntry, 200: page_answers.AssetEntry},
        sent={"*/*": {}},
        errors=("unsupported_media_type", "validation", "too_large", "malformed", "quota_exceeded", "disk_full", "busy"),
        summary="Save a file: the body.",
    ),
    "admin_assets.delete_asset": Operation({204: None}, errors=_MISSING, summary="Remove a file."),
}

PAGES: Final[Mapping[str, Operation]] = {
    "pages.start": Operation({200: HTML, 304: None}, errors=_PRIVATE, summary="The page index of this cenv."),
    "pages.answer": Operation({200: "*/*", 304: None, 308: None}, errors=_PRIVATE, summary="A page of this cenv."),
    "page_assets.answer": Operation({200: "*/*", 304: None}, errors=("not_found", "busy"), summary="A file of this cenv's pages."),
}
