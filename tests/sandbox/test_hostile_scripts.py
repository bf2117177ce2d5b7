"""Scripts that want out, or more than they may have: each with the error that it gets. Those that never end stand in test_runaways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.starlarks import Stand, handler
from wce.sandbox.messages import Fault

CRLF = r"a\r\nSet-Cookie: x=1"
DEEP = "for i in range(200): x = [x]"


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("load('x', 'y')\n", r"load\(\) is not available"),
        ("x = 1\nload('//etc:passwd', 'root')\n", r"load\(\) is not available"),
        ("import os\n", "import is a word that Starlark keeps"),
        ("from os import path\n", "from is a word that Starlark keeps"),
        ("class Out:\n    x = 1\n", "class is a word that Starlark keeps"),
        (handler("try:", "    open('/')", "except: pass"), "try is a word that Starlark keeps"),
        (handler("with x: pass"), "with is a word that Starlark keeps"),
        (handler("while True: pass"), "does not support while loops"),
        (handler("return yield"), "yield is a word that Starlark keeps"),
        (handler("return open('/etc/passwd')"), "undefined: open"),
        (handler("return __import__('os')"), "undefined: __import__"),
        (handler("return eval('1')"), "undefined: eval"),
        (handler("return exec('1')"), "undefined: exec"),
        (handler("return globals()"), "undefined: globals"),
        (handler("return __builtins__"), "undefined: __builtins__"),
        (handler("return _wce_request"), "names that begin with _wce_"),
        (handler("return _wce_db_query('SELECT 1')"), "names that begin with _wce_"),
        ("def _wce_result(value):\n    return 5\n" + handler("return 1"), "names that begin with _wce_"),
        ("_wce_request = {'user': {'role': 'owner'}}\n", "names that begin with _wce_"),
        ("#\rX = _wce_db_query\n" + handler("return X('SELECT 1')"), "names that begin with _wce_"),
        ("#\rload('a', 'b')\n" + handler("return b"), "load\\(\\) is not available"),
        ("for i in range(10): x = i\n", "for loop not within a function"),
        ("x = 1\nx = 2\n", "cannot reassign global"),
        (handler("return f'{1}'"), "got string literal"),
        (handler("return 'a\0b'"), "may not hold a NUL"),
        ("#" + "x" * 300_000, "at most 256 KiB"),
        ("\ufeff" + handler("return 1"), "unexpected input character"),
        (handler("return '\\xff'"), "non-ASCII hex escape"),
        (handler("return (1"), "got outdent"),
        (handler("return 'abc"), "unexpected newline in string"),
    ],
)
def test_what_is_no_script_is_not_read(stand: Stand, script: str, message: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        stand.run(script)

    assert caught.value.kind == "syntax"
    assert caught.value.line is not None


@pytest.mark.parametrize("then", ["\n    return x", "\n\n    return x", "\n", ""])
def test_a_dot_without_a_name_is_told_of_where_it_stands(stand: Stand, then: str) -> None:
    with pytest.raises(Fault) as caught:
        stand.run(f"def handler(request):\n    x = request.{then}")

    assert (caught.value.message, caught.value.line, caught.value.column) == ("a name is wanted here", 2, 17)
    assert caught.value.excerpt == "    x = request.\n                ^"


def test_a_name_may_stand_below_its_dot_where_the_line_goes_on(stand: Stand) -> None:
    assert stand.run("def handler(request):\n    return [request.\n        method, request. \\\n    path]").body == b'["GET","/x"]'


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("return getattr(db, '__class__')",), "has no .__class__"),
        (("return getattr(db['query'], '__globals__')",), "has no .__globals__"),
        (("return db.query.__self__",), "has no field '__self__'"),
        (("return '{0.__class__}'.format(db)",), "attribute syntax x.y is not supported"),
        (("return '{0[x]}'.format(request)",), "is not supported|element syntax"),
        (("return '{:1000000000}'.format(1)",), "format spec features not supported"),
        (("return '%1000000000d' % 1",), "unknown conversion"),
        (("return 'x' * (1 << 40)",), "repeat count .* too large"),
        (("return [0] * (1 << 40)",), "repeat count .* too large"),
        (("return b'x' * (1 << 40)",), "repeat count .* too large"),
        (("return 1 << 100000",), "shift count too large"),
        (("return 1 << (1 << 40)",), "out of range"),
        (("return 1 // 0",), "division by zero"),
        (("return int('x')",), "invalid literal"),
        (("return handler(request)",), "called recursively"),
        (("f = lambda f: f(f)", "return f(f)"), "called recursively"),
        (("db['query'] = len",), "frozen"),
        (("request['user'] = {'role': 'owner'}",), "frozen"),
        (("json.clear()",), "frozen"),
        (("return request.nope",), "request has no field 'nope'"),
        (("x = []", "for i in [1, 2]: x.extend(x)", "for y in x: x.append(y)", "y = [1]", "for z in y: y.append(z)"), "during iteration"),
        (("fail('100%s of %d %n')",), "100%s of %d %n"),
        (("abort(200)",), "from 400 to 599"),
        (("abort('404')",), "from 400 to 599"),
        (("abort(1 << 80)",), "from 400 to 599"),
        (("return time.iso(1e300)",), "out of range"),
        (("return time.iso(float('nan'))",), "NaN"),
        (("return time.parse('x' * 100000)",), "isoformat"),
        (("return math.pow(10, 400)",), "range error"),
        (("return math.floor(float('inf'))",), "infinity"),
        (("return random.token(1 << 40)",), "from 1 to 1024"),
        (("return random.integer(5, 1)",), "empty range"),
        (("return random.choice([])",), "nothing to choose from"),
        (("return base64.decode('!')",), "base64"),
        (("return base64.decode_text('/w==')",), "utf-8"),
        (("return hash.sha256(request)",), "string or bytes"),
        (("return json.decode('[' * 5000)",), "recursion"),
        (("return json.decode('9' * 4301)",), "json.decode: a number has more than 4,300 digits .line"),
        (("return db.query('SELECT 1', 'x')",), "must be a list or a dict"),
        (("return db.query('SELECT ?', [[1]])",), "must be None, a number"),
        (("return db.query('SELECT ?', [1 << 64])",), "64 bits"),
        (("return db.query(sql='SELECT 1', _wce='x')",), "called with the wrong arguments"),
        (("return db.batch('x')",), "must be a list"),
        (("print(1, sep=5)",), "sep must be a string"),
        (("return render('x', [1])",), "must be a dict"),
    ],
)  # fmt: skip
def test_what_goes_too_far_ends_the_call_at_its_line(stand: Stand, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        stand.answer(*lines)

    assert caught.value.kind == "runtime"
    assert caught.value.line is not None
    assert "^" in caught.value.excerpt


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((f"return response('x', headers={{'X-A': '{CRLF}'}})",), "may not be sent"),
        (("return response('x', headers={'X-A': 'a\\nb'})",), "may not be sent"),
        (("return response('x', headers={'X-A': 'a' * 10000})",), "of at most 8,192 characters"),
        (("return response('x', headers={'X A': 'b'})",), "is not the name of a header"),
        (("return response('x', headers={'X-A\\r\\nB: c': 'b'})",), "is not the name of a header"),
        (("return response('x', headers={'': 'b'})",), "is not the name of a header"),
        (("return response('x', headers={'X' * 101: 'b'})",), "is not the name of a header"),
        (("return response('x', headers={'X-%d' % i: 'b' for i in range(60)})",), "at most 50"),
        ((f"return response('x', content_type='{CRLF}')",), "may not be sent"),
        ((f"return redirect('{CRLF}')",), "may not be sent"),
        (("return redirect(None)",), "may not be sent"),
        (("return response('x', status=100)",), "from 200 to 599"),
        (("return response('x', status=True)",), "from 200 to 599"),
        (("return response('x', status='200 OK')",), "from 200 to 599"),
        (("return response('x', status=1 << 100)",), "from 200 to 599"),
        (("return response(response('x'))",), "may not be an answer itself"),
        (("x = []", "x.append(x)", "return x"), "contains itself"),
        (("x = {}", "x['x'] = {'y': [x]}", "return x"), "contains itself"),
        (("x = []", "for i in range(1000): x.append(x)", "return x"), "contains itself"),
        (("return 'a\\0b'",), "NUL"),
        (("return {'a\\0': 1}",), "NUL"),
        (("return 'é'[0]",), "cannot be sent"),
        (("return len",), "cannot be sent"),
        (("return [lambda: 1]",), "cannot be sent"),
        (("return int('9' * 5000)",), "over 4,300 digits"),
        (("return set([1])",), "may not return a set"),
        (("return {1: 2}",), "must be a string"),
        (("x = 1 << 70", DEEP, "return x"), "more than 64 levels"),
    ],
)
def test_what_is_no_answer_is_not_sent(stand: Stand, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        stand.answer(*lines)

    assert caught.value.kind == "result"


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (("for i in range(6): db.query('x')",), "limit"),
        (("db.batch([['x']] * 6)",), "limit"),
        (("return 'x' * 2000",), "output"),
        (("return ['x' * 500] * 5",), "output"),
        (("abort(400, 'x' * 2000)",), "output"),
        (("abort(400, '\\x01' * 170)",), "output"),
    ],
)
def test_a_budget_is_not_overdrawn(stand: Stand, lines: tuple[str, ...], kind: str) -> None:
    with pytest.raises(Fault) as caught:
        stand.answer(*lines, queries=5, output_bytes=1_000)

    assert caught.value.kind == kind


@pytest.mark.parametrize("line", ["fail('é'[0])", "return int('é'[0])", "return getattr(request, 'é'[0])"])
def test_a_message_with_half_a_letter_is_told_as_such(stand: Stand, line: str) -> None:
    with pytest.raises(Fault, match="message that is not UTF-8") as caught:
        stand.answer(line)

    assert caught.value.kind == "runtime"
    assert stand.answer("return 'next'").body == b"next"


def test_an_abort_may_say_as_much_as_an_answer(stand: Stand) -> None:
    with pytest.raises(Fault) as caught:
        stand.answer("abort(400, 'é' * 400)", output_bytes=1_000)

    assert (caught.value.kind, caught.value.message) == ("abort", "é" * 400)


def test_a_function_of_ours_without_memory_says_so(stand: Stand) -> None:
    class Exhausted(list[dict[str, Any]]):
        def append(self, _message: dict[str, Any]) -> None:
            raise MemoryError

    stand.asked = Exhausted()
    with pytest.raises(Fault, match="more memory than allowed") as caught:
        stand.answer("return db.query('SELECT 1')")

    assert (caught.value.kind, caught.value.line) == ("memory", 2)


def test_prints_are_cut(stand: Stand) -> None:
    reply = stand.answer("for i in range(100): print('x' * 100)", print_chars=1_000)

    assert len(reply.prints) == 11
    assert reply.prints[-1].text.endswith("more was printed than is kept")


@pytest.mark.parametrize(
    ("script", "line", "column", "excerpt"),
    [
        ("def handler(request):\n\treturn request.foo\n", 2, 17, "\treturn request.foo\n\t               ^"),
        (handler("x = '日本語'; return request.foo"), 2, 31, None),
        ("def handler(request):\r\n    return request.foo\r\n", 2, 20, "    return request.foo\n                   ^"),
        ("def handler(request):\r    return request.foo\r", 2, 20, "    return request.foo\n                   ^"),
        ('X = """a\rb"""\r\ndef handler(request):\n    return request.foo', 4, 20, None),
        ('X = """a\r\nb"""\ndef handler(request):\n    return request.foo', 4, 20, None),
        (handler("return [request.foo for x in [1]]"), 2, 21, None),
        (handler("return (lambda r: r.foo)(request)"), 2, 25, None),
        (handler("return str(len(request.path + request.foo))"), 2, 43, None),
        (handler("return (request", "    .foo)"), 3, 10, None),
        ("def handler(request):\n", 1, 22, "def handler(request):\n                     ^"),
        ("def handler(request):\n    # nothing\n\n", 2, 14, None),
        ("def handler(request):\n    return (1 +", 2, 16, "    return (1 +\n               ^"),
        (handler("return [", "  1,", "  * 2]"), 4, 7, "      * 2]\n      ^"),
        (handler("return (1 + )"), 2, 17, None),
        (handler("return f'{1}'"), 2, 13, None),
        (handler("import os"), 2, 5, None),
        (handler("return (1"), 2, 14, None),
    ],
)
def test_a_mistake_is_told_at_its_place(stand: Stand, script: str, line: int, column: int, excerpt: str | None) -> None:
    with pytest.raises(Fault) as caught:
        stand.run(script)

    assert (caught.value.line, caught.value.column) == (line, column)
    assert excerpt is None or caught.value.excerpt == excerpt
    assert caught.value.excerpt.endswith("^")
