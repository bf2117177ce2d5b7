"""Templates: names, authors, versions, and which of them answers which address."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.conftest import World
from wce.core import versions
from wce.core.templates import (
    SHELF,
    NewTemplate,
    Site,
    Sites,
    Template,
    TemplateChanges,
    delete_template,
    find_template,
    list_templates,
    read_site,
    restore_template,
    save_template,
    update_template,
)
from wce.errors import WceError
from wce.model import Actor, Role


def made(content: str, syntax: str) -> str | None:
    if "broken" in content:
        raise WceError("template_error")
    return content.upper() if syntax == "html" else None


def save(world: World, name: str, actor: Actor | None = None, **values: Any) -> Template:
    new = NewTemplate(**{"name": name, "syntax": "html", "content": "<p>x</p>"} | values)
    return save_template(world.session, made, actor or world.owner, new)[0]


def test_a_template_is_saved_with_its_page_and_again_in_its_place(world: World) -> None:
    first = save(world, "blog/index", title="Blog", published=True, access="public")
    again, fresh = save_template(world.session, made, world.owner, NewTemplate("blog/index", "jinja", "{{ x }}"))

    assert (first.rendered, first.published, first.access, first.title) == ("<P>X</P>", True, "public", "Blog")
    assert (fresh, again.id, again.rendered, again.published) == (False, first.id, None, False)
    assert find_template(world.session, first.id) == again
    assert list_templates(world.session) == [again]


def test_a_broken_one_is_not_saved(world: World) -> None:
    saved = save(world, "a")

    with pytest.raises(WceError, match="cannot be saved"):
        save(world, "b", content="broken")
    with pytest.raises(WceError, match="cannot be saved"):
        update_template(world.session, made, world.owner, saved.id, TemplateChanges(content="broken"))
    assert list_templates(world.session) == [saved]


@pytest.mark.parametrize(
    "name", ["", "/", "/a", "a/", "a//b", "../a", "a/./b", "a b", "a?b", "{a", "{a}/{a}", "x" * 600, "assets/a", "a\0"]
)
def test_a_bad_name_is_told_as_that(world: World, name: str) -> None:
    with pytest.raises(WceError) as caught:
        save(world, name)

    assert (caught.value.code, caught.value.errors[0].field) == ("validation", "name")


def test_two_names_for_the_same_addresses_are_refused(world: World) -> None:
    save(world, "posts/{slug}")
    other = save(world, "posts/new")

    with pytest.raises(WceError, match=r"answers the same addresses as posts/\{slug\}"):
        save(world, "posts/{id}")
    with pytest.raises(WceError, match="same addresses"):
        update_template(world.session, made, world.owner, other.id, TemplateChanges(name="posts/{x}"))
    with pytest.raises(WceError, match="already"):
        update_template(world.session, made, world.owner, other.id, TemplateChanges(name="posts/{slug}"))


@pytest.mark.parametrize(
    "values", [{"title": "x" * 201}, {"description": "x" * 2_001}, {"syntax": "php"}, {"access": "all"}, {"run_as": "root"}]
)
def test_what_breaks_a_rule_is_refused(world: World, values: dict[str, str]) -> None:
    with pytest.raises(WceError, match="must"):
        save(world, "a", **values)


def test_only_administrators_save(world: World) -> None:
    with pytest.raises(WceError, match="Only administrators"):
        save(world, "a", world.add("Edith", Role.EDITOR))


def test_an_author_keeps_his_mark_until_somebody_else_changes_the_text(world: World) -> None:
    admin = world.add("Ada", Role.ADMIN)
    saved = save(world, "a", run_as="definer")

    published = update_template(world.session, made, admin, saved.id, TemplateChanges(published=True))
    assert (published.run_as, published.modified_by) == ("definer", world.owner.user_id)

    changed = update_template(world.session, made, admin, saved.id, TemplateChanges(content="new"))
    assert (changed.run_as, changed.modified_by, changed.rendered) == ("caller", admin.user_id, "NEW")


def test_an_earlier_text_comes_back_with_its_page(world: World) -> None:
    saved = save(world, "a", content="first")
    update_template(world.session, made, world.owner, saved.id, TemplateChanges(content="second"))
    oldest = versions.list_versions(world.session, SHELF.kind, saved.id)[-1]

    restored = restore_template(world.session, made, world.owner, saved.id, oldest.id)

    assert (restored.content, restored.rendered) == ("first", "FIRST")


def test_the_log_has_the_hash_and_never_the_text(world: World) -> None:
    saved = save(world, "a", content="secret text")
    update_template(world.session, made, world.owner, saved.id, TemplateChanges(content="another secret text"))
    delete_template(world.session, world.owner, saved.id)

    details = " ".join(row[0] for row in world.session.all("SELECT details FROM _wce_audit_log"))
    assert world.actions()[-3:] == ["template.create", "template.update", "template.delete"]
    assert details.count("content_sha256") == 3
    assert "secret" not in details.lower()


def test_a_change_that_was_overtaken_is_not_made(world: World) -> None:
    saved = save(world, "a")

    def meanwhile(content: str, syntax: str) -> str | None:
        update_template(world.session, made, world.owner, saved.id, TemplateChanges(content="theirs"))
        return made(content, syntax)

    with pytest.raises(WceError, match="Somebody else"):
        update_template(world.session, meanwhile, world.owner, saved.id, TemplateChanges(content="mine"))


def test_a_text_that_was_not_seen_is_not_replaced(world: World) -> None:
    saved = save(world, "a")

    with pytest.raises(WceError) as caught:
        update_template(world.session, made, world.owner, saved.id, TemplateChanges(content="mine", instead_of="0" * 64))

    assert caught.value.code == "changed_meanwhile"


def names(site: Site, path: str) -> tuple[str, dict[str, str]] | None:
    found = site.match(path)
    return None if found is None else (found[0].name, dict(found[1]))


def test_addresses_lead_to_published_templates(world: World) -> None:
    for name in ("index", "about", "blog/index", "posts/{slug}", "posts/new", "files/{rest...}", "u/{id}/index"):
        save(world, name, published=True)
    for name in ("draft", "layouts/base"):
        save(world, name)
    for name in ("errors/404", "errors/other"):
        save(world, name, published=True)
    site = read_site(world.session)

    assert names(site, "/") == ("index", {})
    assert names(site, "/about") == ("about", {})
    assert names(site, "/blog/") == names(site, "/blog/index") == ("blog/index", {})
    assert names(site, "/posts/hello") == ("posts/{slug}", {"slug": "hello"})
    assert names(site, "/posts/new") == ("posts/new", {})
    assert names(site, "/files/a/b") == ("files/{rest...}", {"rest": "a/b"})
    assert names(site, "/u/5/") == ("u/{id}/index", {"id": "5"})
    for path in ("/blog", "/posts/", "/files/", "/draft", "/layouts/base", "/errors/404", "/errors/other", "/about/", "/nothing"):
        assert site.match(path) is None
    assert site.error("404") is not None
    assert site.error("500") is None
    assert "layouts/base" in site.by_name


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("index", "text/html"),
        ("feed.xml", "application/xml"),
        ("blog/data.json", "application/json"),
        ("style.CSS", "text/css"),
        ("robots.txt", "text/plain"),
        ("xml", "text/html"),
        ("v1.2", "text/html"),
        ("a.xml/b", "text/html"),
    ],
)
def test_the_ending_of_a_name_says_what_the_page_is(world: World, name: str, content_type: str) -> None:
    assert save(world, name).content_type == f"{content_type}; charset=utf-8"


def test_what_is_cached_holds_until_the_counter_moves(world: World) -> None:
    save(world, "a", published=True)
    sites = Sites()
    site = sites.get(world.session, 1)

    assert sites.known(world.cenv, site.version) is site
    assert sites.get(world.session, site.version) is site
    save(world, "b", published=True)
    assert sites.known(world.cenv, site.version + 1) is None
    assert names(sites.get(world.session, site.version + 1), "/b") == ("b", {})


def test_what_is_cached_is_bounded(world: World) -> None:
    save(world, "a", published=True)
    sites = Sites(size_bytes=10)

    site = sites.get(world.session, 1)

    assert sites.known(world.cenv, site.version) is None
