"""Templates that want out, or never end: each with the error that it gets, or the harmless thing that it becomes."""

from __future__ import annotations

import pytest

from tests.sandbox.sites import Site
from wce.sandbox.messages import Budget, Fault
from wce.sandbox.pool import Pool

DEEP = "{% set ns = namespace(x=[]) %}{% for i in range(5000) %}{% set ns.x = [ns.x] %}{% endfor %}"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ [''][0]['__cla' ~ 'ss__'] }}",
        "{{ ['']|map(attribute='__class__')|list }}",
        "{{ ['']|groupby('__class__') }}",
        "{{ ['']|sort(attribute='__class__') }}",
        "{{ ['']|selectattr('__class__')|list }}",
        "{{ ['']|sum(attribute='__class__') }}",
        "{{ ['']|unique(attribute='__class__')|list }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ query._function }}",
        "{{ query.__call__ }}",
        "{{ joiner.__init__ }}",
        "{{ namespace.__init__ }}",
        "{{ namespace()._Namespace__attrs }}",
        "{{ dict.mro() }}",
        "{{ dict.fromkeys([1]) }}",
        "{{ self.__init__ }}",
        "{{ self._TemplateReference__context }}",
        "{% extends 'parent' %}{% block x %}{{ super.__call__ }}{% endblock %}",
        "{% for x in [1] %}{{ loop.__init__ }}{% endfor %}",
        "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
        "{% macro m() %}{{ caller.__call__ }}{% endmacro %}{% call m() %}{% endcall %}",
        "{% import 'part' as part %}{{ part.__class__ }}",
        "{% import 'part' as part %}{{ part._body_stream }}",
        "{{ request._fields }}",
        "{{ request._reads }}",
        "{{ request.__init__.__globals__ }}",
        "{{ now().__class__ }}",
        "{{ now().strftime('%Y') }}",
        "{{ nope.__class__ }}",
        "{{ (1).__add__ }}",
        "{{ none.__class__ }}",
        "{{ ('a'|safe).format }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '{x}'.format_map({'x': 1}) }}",
        "{{ 'x'.zfill(10 ** 9) }}",
        "{{ 'x'.encode() }}",
        "{{ [].append(1) }}",
        "{{ {}.update(a=1) }}",
        "{{ request.query.pop('q') }}",
    ],
)
def test_what_reaches_for_more_than_data_is_refused(site: Site, source: str) -> None:
    site.add("part", "{% macro x() %}{% endmacro %}")
    site.add("parent", "{% block x %}{% endblock %}")

    fault = site.fault(source)

    assert (fault.kind, fault.template, fault.line) == ("runtime", "page", 1)
    assert "cannot be used in a template" in fault.message


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "Nested too deeply"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "Nested too deeply"),
        ("{% macro m() %}{{ caller() }}{% call m() %}{% endcall %}{% endmacro %}{% call m() %}{% endcall %}", "Nested too deeply"),
        ("{% block b %}{{ self.b() }}{% endblock %}", "Nested too deeply"),
        (DEEP + "{{ ns.x }}", "Nested too deeply"),
        (DEEP + "{{ ns.x|json }}", "Nested too deeply"),
        (DEEP + "{{ ns.x == ns.x[0] }}", "Nested too deeply"),
        ("{{ range(10 ** 9) }}", "Range too big"),
        ("{{ 'x' * 10 ** 9 }}", "would make more than"),
        ("{{ 10 ** 9 * [1] }}", "would make more than"),
        ("{{ 10 ** (10 ** 9) }}", "too large"),
        ("{% set ns = namespace(x=9) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}", "too large"),
        ("{{ '%1000000000d' % 1 }}", "no width"),
        ("{{ '%*d' % (10 ** 9, 1) }}", "no width"),
        ("{{ '%.1000000000f'|format(1) }}", "no width"),
        ("{{ 'x'|center(10 ** 9) }}", "at most 1000"),
        ("{{ 'x'|indent(10 ** 9) }}", "at most 1000"),
        ("{{ 'x'|indent('y' * 100000) }}", "at most 1000"),
        ("{{ 1|number(10 ** 9) }}", "from 0 to 20"),
        ("{{ now()|date('%1000000000d') }}", "the format"),
        ("{{ 1e300|date }}", "out of range"),
        ("{{ ['']|map('attr', '__class__')|list }}", "No filter named 'attr'"),
        ("{{ query }}", "a function cannot be shown; call it"),
        ("{{ dict }}", "cannot be shown"),
        ("{{ [query]|json }}", "not plain data"),
        ("{{ nope|json }}", "'nope' is undefined"),
        ("{{ nope() }}", "'nope' is undefined"),
        ("{{ nope.x }}", "'nope' is undefined"),
        ("{{ super() }}", "'super' is undefined"),
        ("{{ 5() }}", "not safely callable"),
        ("{{ {'a onclick': 1}|xmlattr }}", "Invalid character"),
        ("{{ query('x', [10 ** 30]) }}", "64 bits"),
        ("{{ query('x', 1) }}", "list or a dict"),
        ("{% include 5 %}", "not iterable"),
        ("{% include [5] %}", "must be a string"),
        ("{% include 'x' * 1001 ignore missing %}", "at most 1000 characters"),
        ("{{ ('x' * 1000000 ~ 'y' * 1000000)|markdown }}", "at most 1048576"),
    ],
)
def test_what_would_become_too_large_or_makes_no_sense_is_an_error_at_its_line(site: Site, source: str, words: str) -> None:
    fault = site.fault("\n" + source)

    assert (fault.kind, fault.template, fault.line) == ("runtime", "page", 2)
    assert words in fault.message


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("{% include 'self' %}", "limit"),
        ("{% include 'child' %}", "limit"),
        ("{% import 'module' as m %}", "limit"),
        ("{% include 'ping' %}", "limit"),
        ("{% for i in range(500) %}{% include 'gone' ~ i ignore missing %}{% endfor %}", "limit"),
        ("{% for i in range(2000) %}{{ query('SELECT 1') }}{% endfor %}", "limit"),
        ("{% for i in range(100) %}{{ 'x' * 100000 }}{% endfor %}", "output"),
        ("{{ ('é' * 1000000 ~ 'é' * 1000000) ~ 'é' * 600000 }}" * 2, "output"),
    ],
)
def test_what_goes_over_a_limit_says_which(site: Site, source: str, kind: str) -> None:
    site.add("self", "{% include 'self' %}")
    site.add("child", "{% extends 'child' %}")
    site.add("module", "{% import 'module' as m %}")
    site.add("ping", "{% include 'pong' %}")
    site.add("pong", "{% include 'ping' %}", "markdown")

    assert site.fault(source).kind == kind


@pytest.mark.parametrize(
    "source",
    [
        "{% set ns = namespace(s='a' * 1000) %}{% for i in range(40) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{{ ('x' * 100000)|replace('x', 'x' * 100000) }}",
        "{{ [1]|batch(10 ** 9, 'x')|list }}",
    ],
)
def test_what_takes_too_much_memory_ends_and_its_worker_goes_on(far_site: Site, source: str) -> None:
    assert far_site.fault(source).kind == "memory"
    assert far_site.text("next") == "next"


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{{ [1]|slice(10 ** 9)|list }}",
        "{{ 1|round(10 ** 8, 'ceil') }}",
    ],
)
def test_what_never_ends_is_ended(far_site: Site, source: str) -> None:
    assert far_site.fault(source, budget=Budget(seconds=0.4)).kind == "time"


@pytest.mark.parametrize(
    "source",
    [
        "{{ config }}{{ g }}{{ lipsum }}{{ url_for }}{{ get_flashed_messages }}{{ environment }}{{ context }}",
        "{{ request.application }}{{ request.environ }}",
        "{{ range.__globals__ }}{{ query.__self__ }}{{ query['__func__'] }}{{ url_for_page.__globals__ }}",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}{{ ns.x }}",
        "{% set x = query %}",
        "{{ [].__len__ if false }}",
    ],
)
def test_what_is_not_there_is_nothing(site: Site, source: str) -> None:
    assert site.text(source) == ""


@pytest.mark.parametrize("source", ["query ~ ''", "query|string", "[query]", "'%r' % query", "{'a': query}", "namespace(a=query) ~ ''"])
def test_a_function_does_not_show_where_it_stands_in_memory(site: Site, source: str) -> None:
    text = site.text("{{ " + source + " }}")

    assert "&lt;function query&gt;" in text
    assert "0x" not in text


@pytest.mark.parametrize(
    "source",
    [
        "cycler",
        "cycler('a')",
        "cycler('a').next",
        "joiner(',')",
        "namespace",
        "dict",
        "'a'.upper",
        "'a'['upper']",
        "('a'|safe).upper",
        "[1].index",
        "{}.get",
        "request.items",
        "now().isoformat",
        "loop.cycle",
        "self.block",
        "super",
        "['a']|map(attribute='upper')",
        *(f"['a']|{name}" for name in ("map('upper')", "select", "reject", "reverse", "unique", "batch(1)", "slice(1)")),
        "[{'a': 1}]|selectattr('a')",
        "[{'a': 1}]|rejectattr('a')",
        "{'a': 1}|items",
    ],
)
@pytest.mark.parametrize("form", ["{{ [%s] }}", "{{ (%s) ~ '' }}", "{{ {}[%s].x }}", "{{ (%s) }}"])
def test_nothing_that_a_template_can_reach_shows_where_it_stands_in_memory(site: Site, source: str, form: str) -> None:
    site.add("above", "{% block block %}{% endblock %}")
    template = "{% extends 'above' %}{% block block %}{% for _ in [1] %}" + form % source + "{% endfor %}{% endblock %}"

    try:
        shown = site.text(template)
    except Fault as fault:
        shown = fault.message

    assert shown
    assert "0x" not in shown


def test_filters_give_lists_which_can_be_counted_and_shown(site: Site) -> None:
    assert site.text("{{ ['a', 'b']|map('upper')|length }}{{ [1, 2]|reverse }}{{ 'ab'|reverse }}") == "2[2, 1]ba"


def test_what_is_not_found_is_told_no_longer_than_a_page_may_be(site: Site) -> None:
    fault = site.fault("{{ not_found('\x01' * 200) }}", budget=Budget(output_bytes=1_000))

    assert (fault.kind, fault.message) == ("output", "The answer has 1202 bytes; at most 1000 are allowed.")


@pytest.mark.parametrize(
    ("source", "message"),
    [("{{ 2.0 ** 10000 }}", "the number becomes too large"), ("{{ ('f' * 9000)|int(base=16) }}", "a number has more than 4,300 digits")],
)
def test_a_number_that_cannot_be_is_told_of_without_advice_for_pythonists(site: Site, source: str, message: str) -> None:
    assert site.fault(source).message == message


def test_only_a_namespace_can_be_changed(site: Site) -> None:
    assert "non-namespace" in site.fault("{% set request.x = 1 %}").message


def test_half_a_character_becomes_a_question_mark(site: Site) -> None:
    assert site.text("{{ '\\ud800' }}\ud800") == "??"


def test_ways_to_hide_a_regular_expression_that_does_not_end_lead_nowhere(site: Site) -> None:
    source = "{{ x|urlize|length }} {{ x|striptags|length }} {{ x|wordcount }} {{ x|title|length }} {{ x|truncate(9) }}"

    assert site.text(source, x="a@" * 20_000).endswith(" a@a@a@...")


# What is hostile before it runs.


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{{ " + "[" * 5000 + "]" * 5000 + " }}",
        "{{ " + "not " * 5000 + "1 }}",
        "{{ " + "-" * 5000 + "1 }}",
        "{{ 1" + "+1" * 2000 + " }}",
        "{{ x" + ".a" * 2000 + " }}",
        "{{ x" + "()" * 2000 + " }}",
        "{{ x" + "|e" * 2000 + " }}",
        "{{ 1" + " and 1" * 2000 + " }}",
        "{{ 1" + " if 1 else 1" * 2000 + " }}",
        "{% if 1 %}" * 300 + "{% endif %}" * 300,
        "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
        "".join(f"{{% block b{n} %}}" for n in range(300)) + "{% endblock %}" * 300,
        "{{ " + "9" * 100_000 + " }}",
        "{{" * 60_000,
        "{#" * 60_000,
        "{% raw %}" * 20_000,
        "{{ x }}" * 6_100,
        "{% trans %}{% endtrans %}",
        "{% do x %}",
        "{% debug %}",
        "{% autoescape false %}{% endautoescape %}",
        "{{ x|attr('y') }}",
        "{{ x|pprint }}",
        "{% include 'a' %}\0",
    ],
)
def test_what_is_nested_too_deeply_too_large_or_unknown_cannot_be_read(site: Site, source: str) -> None:
    fault = site.unreadable(source)

    assert (fault.kind, fault.line) == ("syntax", 1)


@pytest.mark.parametrize("source", ["{{ " + "(" * 5000, "{{ " + "not " * 5000, "{% if 1 %}" * 300])
def test_a_worker_outlives_what_is_nested_too_deeply(pool: Pool, source: str) -> None:
    with pytest.raises(Fault, match="nested too deeply"):
        pool.check(source, "jinja")

    assert "crash" not in pool.state().ends


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x'|center(10 ** 9) }}{{ 9 ** 9 ** 9 }}{{ 'x' * 10 ** 10 }}",
        "{{ 'x'|center(1000000000) }}{{ 'x'|indent(1000000000) }}{{ [1]|batch(1000000000, 1)|list }}",
        "{% if 1|round(100000000) %}{% endif %}{% set x = ''|center(1000000000) %}",
        "{% for a in range(1000000000) %}{% endfor %}",
    ],
)
def test_constants_are_not_computed_while_a_template_is_read(pool: Pool, source: str) -> None:
    pool.check(source, "jinja")
