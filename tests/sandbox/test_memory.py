"""Pages that a process holds, and which of them are asked for often."""

from __future__ import annotations

from wce.core import pages
from wce.core.pages import Mark, Page
from wce.sandbox.memory import Memory

NOTES = frozenset({"notes"})


def page(text: str = "x") -> Page:
    return pages.make(1, text.encode(), "text/html", for_all=True)


def test_only_the_page_with_the_mark_is_given() -> None:
    memory, held = Memory(), page()
    memory.put("c", "/", held)

    assert memory.get("c", "/", held.mark) is held
    assert memory.get("c", "/", page("other").mark) is None
    assert memory.get("c", "/x", held.mark) is None
    assert memory.get("d", "/", held.mark) is None


def test_the_first_makes_room() -> None:
    memory = Memory(size_bytes=2_500)
    for path in ("/a", "/b", "/b", "/c"):
        memory.put("c", path, page(path))

    assert len(memory) == 2
    assert memory.get("c", "/a", page("/a").mark) is None
    assert memory.get("c", "/c", page("/c").mark) is not None


def test_pages_that_are_asked_for_often_are_told_once_when_their_table_is_written() -> None:
    memory = Memory()
    for path, hits in (("/hot", 2), ("/cold", 1), ("/plain", 5)):
        held = memory.put("c", path, page(path), frozenset() if path == "/plain" else NOTES)
        for _ in range(hits):
            memory.get("c", path, held.mark)

    assert memory.cooled("c", {"other": 1}) == []
    assert memory.cooled("d", {"notes": 1}) == []
    assert memory.cooled("c", {"Notes": 1}) == ["/hot"]
    assert memory.cooled("c", {"notes": 1}) == []


def test_so_many_of_a_cenv_are_made_anew_and_no_more() -> None:
    memory = Memory()
    for index in range(40):
        held = memory.put("c", f"/{index}", page(str(index)), NOTES)
        for _ in range(2):
            memory.get("c", f"/{index}", Mark(*held.mark))

    assert len(memory.cooled("c", {"notes": 1})) == 32
