from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from wce.core.paths import MAX_PATH, MAX_SEGMENTS, METHODS, Routes, ambiguous, parse
from wce.errors import WceError


@dataclass(frozen=True)
class Target:
    path: str
    method: str = "GET"


def routes(*targets: str | Target) -> Routes[Target]:
    return Routes([item if isinstance(item, Target) else Target(item) for item in targets])


def found(table: Routes[Target], path: str, method: str = "GET") -> tuple[str, dict[str, str]] | None:
    match = table.match(method, path)
    return None if match.endpoint is None else (match.endpoint.path, dict(match.params))


@pytest.mark.parametrize("path", ["/notes", "/notes/{id}", "/{a}/{b}", "/files/{rest...}", "/v1.2/~a-b_c/Größe", "/a:b@c/(d)!$&'*+,;="])
def test_these_may_be_paths(path):
    assert len(parse(path).shape) == path.count("/")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "must look like"),
        ("/", "must look like"),
        ("notes", "must look like"),
        ("//notes", "empty segment"),
        ("/notes/", "slash at its end"),
        ("/a//b", "empty segment"),
        ("/a/../b", "segment .."),
        ("/./a", "segment ."),
        ("/a?b", "contain '?'"),
        ("/a#b", "contain '#'"),
        ("/a%2Fb", "contain '%'"),
        ("/a b", "contain ' '"),
        ("/a\nb", "contain"),
        ("/a\x00b", "contain"),
        ("/a\u202eb", "contain"),
        ("/a\\b", "contain"),
        ("/<script>", "contain"),
        ("/{id", "placeholder"),
        ("/x{id}", "placeholder"),
        ("/{}", "placeholder"),
        ("/{1a}", "placeholder"),
        ("/{a-b}", "placeholder"),
        ("/{a..}", "placeholder"),
        ("/{a}/{a}", "twice"),
        ("/{a}/{a...}", "twice"),
        ("/{rest...}/more", "must end with {rest...}"),
        ("/e\u0301", "normal form"),
        ("/" + "a" * MAX_PATH, "characters"),
        ("/a" * (MAX_SEGMENTS + 1), "segments"),
    ],
)
def test_these_may_not(path, why):
    with pytest.raises(WceError) as caught:
        parse(path)

    assert caught.value.code == "validation"
    assert caught.value.errors[0].field == "path"
    assert why in caught.value.errors[0].message


def test_two_patterns_that_differ_in_names_alone_are_ambiguous():
    assert ambiguous(parse("/notes/{id}"), ["/notes", "/notes/{rest...}", "/notes/{key}"]) == "/notes/{key}"
    assert ambiguous(parse("/notes/{id}"), ["/notes", "/notes/new", "/{a}/{b}", "/notes/{rest...}"]) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/notes", ("/notes", {})),
        ("/notes/new", ("/notes/new", {})),
        ("/notes/7", ("/notes/{id}", {"id": "7"})),
        ("/notes/7/tags", ("/notes/{rest...}", {"rest": "7/tags"})),
        ("/notes/", None),
        ("/notes//", ("/notes/{rest...}", {"rest": "/"})),
        ("/other/new", ("/{kind}/new", {"kind": "other"})),
        ("/other/thing", None),
        ("/Notes", None),
        ("/", None),
        ("", None),
        ("notes", None),
        ("/{}", None),
        ("/notes/{...}", ("/notes/{id}", {"id": "{...}"})),
        ("/notes/{}", ("/notes/{id}", {"id": "{}"})),
    ],
)
def test_the_most_specific_path_wins(path, expected):
    table = routes("/notes", "/notes/{id}", "/notes/new", "/notes/{rest...}", "/{kind}/new")

    assert found(table, path) == expected


def test_a_literal_on_the_left_goes_before_one_on_the_right():
    assert found(routes("/{a}/b", "/a/{b}"), "/a/b") == ("/a/{b}", {"b": "b"})


def test_a_dead_end_goes_back_to_the_next_best():
    assert found(routes("/a/b/c", "/a/{x}/d"), "/a/b/d") == ("/a/{x}/d", {"x": "b"})


def test_an_exact_method_goes_before_any_method():
    table = routes(Target("/a", "*"), Target("/a", "POST"))

    assert table.match("POST", "/a").endpoint == Target("/a", "POST")
    assert table.match("DELETE", "/a").endpoint == Target("/a", "*")


def test_a_more_specific_path_goes_before_an_exact_method():
    table = routes(Target("/a", "*"), Target("/{x}", "GET"))

    assert table.match("GET", "/a").endpoint == Target("/a", "*")


def test_a_path_without_the_method_leaves_the_request_to_the_next():
    table = routes(Target("/a/new", "GET"), Target("/a/{id}", "DELETE"))

    match = table.match("DELETE", "/a/new")

    assert (match.endpoint, dict(match.params)) == (Target("/a/{id}", "DELETE"), {"id": "new"})


def test_head_goes_where_get_goes():
    assert routes(Target("/a", "GET")).match("HEAD", "/a").endpoint == Target("/a", "GET")
    assert routes(Target("/a", "*")).match("HEAD", "/a").endpoint == Target("/a", "*")
    assert routes(Target("/a", "POST")).match("HEAD", "/a").endpoint is None


@pytest.mark.parametrize(
    ("targets", "allowed"),
    [
        ([Target("/a", "GET")], "GET, HEAD, OPTIONS"),
        ([Target("/a", "POST"), Target("/{x}", "PUT")], "OPTIONS, POST, PUT"),
        ([Target("/{x...}", "*")], "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        ([Target("/b", "GET")], ""),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "BREW"])
def test_where_nothing_answers_the_methods_are_told_that_would(method, targets, allowed):
    match = routes(*targets).match(method, "/a")

    assert match.endpoint is None
    assert ", ".join(match.allowed) == allowed


def test_a_path_that_cannot_be_read_takes_no_other_with_it():
    assert found(routes("/a//", "/b"), "/b") == ("/b", {})
    assert ambiguous(parse("/b"), ["/a//"]) is None


# Against a model: every pattern is tried, and the best of those that match is chosen by comparing them all.

SEGMENTS = st.sampled_from(["a", "b", "{x}", "{y}", "{z}"])
PATHS = st.builds(
    lambda segments, rest: "/" + "/".join([*segments, *(["{rest...}"] if rest else [])]),
    st.lists(SEGMENTS, max_size=3),
    st.booleans(),
).filter(lambda path: path != "/" and len(set(path.split("/")[1:]) - {"a", "b"}) == sum(s not in "ab" for s in path.split("/")[1:]))
TARGETS = st.lists(st.builds(Target, PATHS, st.sampled_from([*METHODS, "*"])), max_size=12)
REQUESTS = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def unambiguous(targets: list[Target]) -> list[Target]:
    """As many of them as could be saved one after the other."""
    kept: list[Target] = []
    for target in targets:
        if ambiguous(parse(target.path), [other.path for other in kept if other.method == target.method]) is None:
            kept.append(target)
    return kept


def ranked(target: Target, request: str) -> tuple[tuple[int, ...], dict[str, str]] | None:
    """How specific the match is, lower first, and the parameters; None without a match."""
    wanted, given_ = target.path[1:].split("/"), request[1:].split("/")
    ranks, params = [], {}
    for index, segment in enumerate(wanted):
        if segment.endswith("...}"):
            params[segment[1:-4]] = "/".join(given_[index:])
            return ((*ranks, 2), params) if params[segment[1:-4]] else None
        if index >= len(given_) or (segment in "ab" and segment != given_[index]) or not given_[index]:
            return None
        if segment not in "ab":
            params[segment[1:-1]] = given_[index]
        ranks.append(0 if segment in "ab" else 1)
    return (tuple(ranks), params) if len(wanted) == len(given_) else None


@given(TARGETS, REQUESTS, st.sampled_from(METHODS))
def test_routing_is_what_comparing_all_patterns_says(targets, request, method):
    kept = unambiguous(targets)
    hits = [(found_, target) for target in kept if (found_ := ranked(target, request)) and target.method in (method, "*")]
    best = min(hits, key=lambda hit: (hit[0][0], hit[1].method == "*"), default=None)

    match = Routes(kept).match(method, request)

    assert match.endpoint == (best[1] if best else None)
    assert dict(match.params) == (best[0][1] if best else {})


@given(TARGETS, REQUESTS)
def test_two_of_the_saved_patterns_are_never_equally_good(targets, request):
    kept = unambiguous(targets)

    hits = [(found_[0], target.method) for target in kept if (found_ := ranked(target, request))]

    assert len(hits) == len(set(hits))


@given(TARGETS, REQUESTS)
def test_what_would_be_allowed_is_what_answers(targets, request):
    table = Routes(unambiguous(targets))

    allowed = table.match("OPTIONS", request).allowed

    assert set(allowed) - {"OPTIONS"} == {method for method in (*METHODS, "HEAD") if table.match(method, request).endpoint is not None}


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_parameter_arrives_as_it_was_sent(value):
    assume("/" not in value)
    sent = "/notes/" + quote(value, safe="")

    assert found(routes("/notes/{id}"), unquote(sent)) == ("/notes/{id}", {"id": value})


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_rest_arrives_as_it_was_sent(value):
    assert found(routes("/files/{rest...}"), unquote("/files/" + quote(value))) == ("/files/{rest...}", {"rest": value})


# Mostly of what paths are made of, or nearly every text would be refused before it is tried.
@given(st.text(st.sampled_from("abz09-_.~{}{x}/é漢 %") | st.characters(), max_size=40).map("/".__add__))
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_a_path_that_may_be_saved_is_reached_by_its_own_text(text):
    try:
        parse(text)
    except WceError as error:
        assume(error.errors[0].field != "path")

    assert found(routes(text), text) is not None
