"""The pages of the manual: Markdown files as HTML with anchors as on GitHub, and their sections for the search."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from wce.sandbox.highlight import highlight

_PARSER: Final = MarkdownIt("commonmark", {"html": False, "highlight": highlight}).enable(["table"])
_NOT_IN_ANCHORS: Final = re.compile(r"[^\w\- ]")
_SCHEME: Final = re.compile(r"https?://|mailto:")
Resolve = Callable[[str], str | None]


class Html(str):
    """A text that templates put in as it is, because what made it has escaped whatever it was given."""

    def __html__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the plain text under it; `level` is 1 for the page itself."""

    anchor: str
    heading: str
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """One file, rendered."""

    title: str
    html: Html
    sections: tuple[Section, ...]


def anchor_of(heading: str, taken: dict[str, int]) -> str:
    """The anchor that GitHub gives a heading; `taken` counts those of the page so far."""
    plain = _NOT_IN_ANCHORS.sub("", heading.lower()).replace(" ", "-")
    count = taken.get(plain, 0)
    taken[plain] = count + 1
    return plain if count == 0 else f"{plain}-{count}"


def render(text: str, resolve: Resolve) -> Page:
    """The page in `text`. `resolve` says where a link to another file of the project leads, or None for one that leads nowhere here."""
    tokens = _PARSER.parse(text)
    sections = _sections(tokens)
    for token in tokens:
        _link(token, resolve)
        if token.type in ("fence", "code_block", "table_open"):
            token.attrSet("tabindex", "0")  # what scrolls sideways must be reached by the keyboard
    title = sections[0].heading if sections else ""
    return Page(title, Html(_PARSER.renderer.render(tokens, _PARSER.options, {})), tuple(sections))


def _sections(tokens: list[Token]) -> list[Section]:
    """Give each heading its anchor, and gather what stands under it."""
    taken: dict[str, int] = {}
    heads: list[tuple[str, str, int]] = []
    texts: list[list[str]] = []
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = _plain(tokens[index + 1])
            anchor = anchor_of(heading, taken)
            token.attrSet("id", anchor)
            heads.append((anchor, heading, int(token.tag[1])))
            texts.append([])
        elif heads and tokens[index - 1].type != "heading_open":
            texts[-1].append(_plain(token))
    return [Section(*head, " ".join(filter(None, text))) for head, text in zip(heads, texts, strict=True)]


def _plain(token: Token) -> str:
    if token.type == "inline":
        return "".join(" " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or ())
    return token.content if token.type in ("fence", "code_block") else ""


def _link(token: Token, resolve: Resolve) -> None:
    """Send links and pictures where they lead on this server."""
    for child in token.children or ():
        name = {"link_open": "href", "image": "src"}.get(child.type)
        target = str(child.attrGet(name) or "") if name else ""
        if name and not target.startswith("#") and not _SCHEME.match(target):
            found = resolve(target)
            if found is None:
                del child.attrs[name]
            else:
                child.attrSet(name, found)


def excerpt(text: str, words: list[str], length: int = 220) -> Html:
    """A piece of the text around the first of the words, as HTML with each of them marked."""
    folded = text.lower()
    first = min((at for word in words if (at := folded.find(word)) >= 0), default=0)
    start = max(0, text.rfind(" ", 0, max(0, first - length // 3)) + 1)
    piece = text[start : start + length]
    pattern = "|".join(re.escape(word) for word in words)
    marked = re.sub(pattern, lambda found: f"\0{found[0]}\1", piece, flags=re.IGNORECASE) if pattern else piece
    shown = escape(marked).replace("\0", "<mark>").replace("\1", "</mark>")
    return Html(("… " if start else "") + shown + (" …" if start + length < len(text) else ""))
