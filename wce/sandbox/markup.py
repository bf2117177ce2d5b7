"""Markdown as HTML that can do nothing: tables, task lists, footnotes, highlighted code, and the HTML that an allow-list lets through."""

from __future__ import annotations

import re
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.tasklists import tasklists_plugin
from pygments.token import STANDARD_TYPES

from wce.sandbox.highlight import highlight

MAX_TEXT: Final = 1 << 20  # characters
_MAX_NESTING: Final = 20
_TAGS: Final = frozenset(
    """
    a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img
    input ins kbd li mark ol p pre q s samp section small span strong sub summary sup table tbody td tfoot th thead time tr u ul var
    """.split()  # noqa: SIM905 - as names
)
# What goes together with all that stands in it.
_GONE: Final = frozenset({"script", "style", "iframe", "object", "embed", "noscript", "template", "svg", "math", "title", "textarea"})
_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": {"id", "title", "lang", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height", "loading"},
    "ol": {"start", "reversed"},
    "li": {"value"},
    "td": {"colspan", "rowspan", "style"},
    "th": {"colspan", "rowspan", "scope", "style"},
    "time": {"datetime"},
    "details": {"open"},
    "input": {"checked"},
}
_CLASSES: Final[dict[str, set[str]]] = {
    "span": {name for name in STANDARD_TYPES.values() if name},
    "sup": {"footnote-ref"},
    "hr": {"footnotes-sep"},
    "section": {"footnotes"},
    "ol": {"footnotes-list", "contains-task-list"},
    "ul": {"contains-task-list"},
    "li": {"footnote-item", "task-list-item"},
    "a": {"footnote-backref"},
    "input": {"task-list-item-checkbox"},
}
# The ids that footnotes lead to; any other could stand for a name that a script of the page looks for.
_ID: Final = re.compile(r"fn(?:ref)?\d{1,6}(?::\d{1,6})?")
_LANGUAGE: Final = re.compile(r"language-[\w+#.-]{1,30}")
_IMAGE: Final = re.compile(r"data:image/(?:avif|gif|jpeg|png|webp);base64,[A-Za-z0-9+/=\s]*")
_DATA: Final = re.compile(r"[\x00-\x20]*data[\x00-\x20]*:", re.IGNORECASE)
# What Markdown gives a meaning anywhere, between words, or at the beginning of a line.
_MARKS: Final = re.compile(r"[\\`*\[\]()<>&\"'|~\n\r\t]|(?<!\w)_|_(?!\w)|^[#+=: -]|^\d(?=\d{0,8}[.)])")
_BLANK: Final = re.compile(r"(?<=\n)[ \t]*\n")


def to_html(text: str) -> Markup:
    """HTML of a Markdown text; raises ValueError where that is too long."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"Markdown may have at most {MAX_TEXT} characters")
    whole = text.encode("utf-8", "replace").decode()  # without halves of surrogate pairs
    return Markup(_cleaner.clean(_markdown.render(whole)))  # noqa: S704 - the allow-list has been held to it


def escaped(value: Any) -> Markup | str:
    """A value as it may stand in Markdown: a text is nothing but text there, and HTML stays in one piece."""
    if value is None:
        return ""
    if hasattr(value, "__html__"):
        html = value.__html__()
        return unbroken(html) if html.lstrip().startswith("<") else Markup(html)  # noqa: S704 - as it says of itself
    if isinstance(value, str):
        return Markup(_MARKS.sub(lambda found: f"&#{ord(found[0])};", value))  # noqa: S704 - no mark is left
    return escape(value)


def unbroken(html: str) -> Markup:
    """HTML without blank lines, where Markdown would begin anew."""
    return Markup(_BLANK.sub("&#10;", html))  # noqa: S704 - as much as it was before


def _kept(tag: str, name: str, value: str) -> str | None:
    """The value of an allowed attribute, or None where it may not stand there."""
    if name == "id":
        return value if _ID.fullmatch(value) else None
    if name in ("href", "src") and _DATA.match(value):
        return value if tag == "img" and _IMAGE.fullmatch(value) else None
    if name == "class" and tag == "code":
        return value if _LANGUAGE.fullmatch(value) else None
    return value


def _made() -> MarkdownIt:
    options = {"maxNesting": _MAX_NESTING, "highlight": highlight, "xhtmlOut": False}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"]).use(footnote_plugin).use(tasklists_plugin)


_markdown: Final = _made()
_cleaner: Final = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_GONE,
    attributes=_ATTRIBUTES | {"code": {"class"}},
    attribute_filter=_kept,
    tag_attribute_values={"input": {"type": {"checkbox"}}},
    set_tag_attribute_values={"input": {"disabled": ""}},  # of several the order would be another in each process
    url_schemes={"http", "https", "mailto", "tel", "data"},
    allowed_classes=_CLASSES,
    filter_style_properties={"text-align"},
)
