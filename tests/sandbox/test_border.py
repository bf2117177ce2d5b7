"""Values come through the border between a script and us as they are, or not at all."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator

import orjson
import pytest

from tests.sandbox.starlarks import Stand
from wce.sandbox import border
from wce.sandbox.messages import Fault


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    made.close()


BLOBS = [b"\0", b"a\0b\xff", b"\xff\x00\x01", b"\0\0\0", bytes(range(256)), b"\xc4\x80\0", b""]


@pytest.mark.parametrize("blob", BLOBS)
def test_bytes_with_a_nul_are_given_to_a_script_whole(stand: Stand, blob: bytes) -> None:
    packed = base64.b64encode(blob).decode()

    reply = stand.answer(f"blob = base64.decode('{packed}')", "print(len(blob), type(blob))", "return blob")

    assert (reply.body, reply.prints[0].text) == (blob, f"{len(blob)} bytes")


@pytest.mark.parametrize("ask", ["db.query('x')[1]", "db.query_one('x')"])
def test_a_blob_with_a_nul_comes_whole_out_of_the_database(stand: Stand, ask: str) -> None:
    row = [{"$base64": base64.b64encode(b"P\0NG").decode()}, "text", 1]
    stand.rows = {"columns": ["blob", "text", "n"], "rows": [row, row]}

    reply = stand.answer(f"row = {ask}", "row['n'] += 1", "return [row, base64.encode(row.blob)]")

    assert orjson.loads(reply.body) == [{"blob": {"$base64": "UABORw=="}, "text": "text", "n": 2}, "UABORw=="]


def test_a_blob_of_a_megabyte_needs_no_more_memory_than_a_few_of_them(stand: Stand) -> None:
    found = border.apart(b"\0" * 1_000_000)

    assert [len(letters) for _, _, letters in found[1]] == [1_000_000]


@pytest.mark.parametrize("value", ["[...]", "{...}", "\\\\x00", "wait..."])
def test_a_text_that_looks_like_a_cycle_changes_nothing_for_what_stands_beside_it(stand: Stand, value: str) -> None:
    reply = stand.answer(f"return ['{value}', float('nan'), float('inf'), range(2), (1,), 1 << 70, {{'a': '{value}'}}, b'x']")

    text = value.replace("\\\\", "\\")
    assert orjson.loads(reply.body.replace(b"1180591620717411303424", b"0")) == [
        text, None, None, [0, 1], [1], 0, {"a": text}, {"$base64": "eA=="}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "size"),
    [("['x' * 8_000_000]", 8_000_004), ("{'a': [1] * 200_000}", 400_007), ("dict.fromkeys(map(str, range(60_000)))", 768_891)],
)
def test_a_large_value_becomes_json_in_less_memory_than_orjson_asks_for(made: str, size: int) -> None:
    done = in_little_memory(f"value = {made}", "print(len(answer.encode(value, len(repr(value)))))", 60 if size > 1_000_000 else 20)

    assert (done.returncode, done.stdout) == (0, f"{size}\n")


def test_rows_of_megabytes_are_read_in_less_memory_than_orjson_asks_for() -> None:
    first = 'rows = b\'{"columns": ["a"], "rows": [["\' + b\'x\' * 9_000_000 + b\'"]]}\''
    asked = "data = database.Database(lambda _asked: ({'ok': True}, rows)); data.begin(1); print(len(data.query('')[0]['a']))"

    done = in_little_memory(first, asked, 60)

    assert (done.returncode, done.stdout) == (0, "9000000\n")


def in_little_memory(first: str, then: str, spare_mb: int) -> subprocess.CompletedProcess[str]:
    """Run both lines in a process of their own, the second one with no more memory than that beyond what is used before it."""
    program = f"""
import resource
from wce.sandbox import answer, database, limits

{first}
resource.setrlimit(resource.RLIMIT_DATA, (limits.own_sizes().data_bytes + ({spare_mb} << 20), resource.RLIM_INFINITY))
{then}
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)


def test_many_rows_with_such_a_text_are_no_more_work_than_others(stand: Stand) -> None:
    stand.rows = {"columns": ["a", "b"], "rows": [["see [...]", 1.5]] * 3_000}

    assert len(orjson.loads(stand.answer("return db.query('x')").body)) == 3_000


def test_lists_within_lists_that_share_a_part_are_no_cycle(stand: Stand) -> None:
    assert stand.answer("x = ['[...]']", "return [x, x, [x]]").body == b'[["[...]"],["[...]"],[["[...]"]]]'


def test_whatever_is_printed_can_be_read(stand: Stand) -> None:
    lines = ("x = []", "x.append(x)", "print(x, len, set([1]), 'é'[0], 'a\\0b', '\\x1b[1m', 'é', None, 1.5, sep='|')", "log.info(x)")

    printed = [item.text for item in stand.answer(*lines).prints]

    assert printed == ['[[...]]|<built-in function len>|set([1])|"\\xc3"|"a\\x00b"|"\\x1b[1m"|é|None|1.5', "[[...]]"]
    assert stand.answer(r"print('C:\\xampp', '\\\x1b')").prints[0].text == r'C:\xampp "\\\x1b"'


def test_what_is_chosen_by_chance_stays_with_the_script(stand: Stand) -> None:
    reply = stand.answer("return [random.choice([b'\\0a']), random.choice((handler,)) == handler, random.shuffle([b'\\0', b'\\0'])]")

    assert orjson.loads(reply.body) == [{"$base64": "AGE="}, True, [{"$base64": "AA=="}] * 2]


def test_all_of_a_list_is_there_after_it_was_shuffled(stand: Stand) -> None:
    assert orjson.loads(stand.answer("return sorted(random.shuffle(range(50)))").body) == list(range(50))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("db.query('x', [len])", "is itself a function"),
        ("db.query('x', ['é'[0]])", "not UTF-8"),
        ("db.query('x', ['a\\0b'])", "A value for db.query contains a NUL character"),
        ("hash.sha256({'a\\0': 1})", "A value for hash.sha256 contains a NUL character"),
        ("x = {}\n    x['x'] = [x]\n    json.encode(x)", "A value for json.encode contains itself"),
        ("json.decode('\"\\\\ud800\"')", "half of a surrogate pair"),
        ("json.decode('[NaN]')", "NaN is not JSON"),
    ],
)
def test_what_cannot_cross_ends_the_call_with_its_reason(stand: Stand, line: str, message: str) -> None:
    with pytest.raises(Fault, match=message) as caught:
        stand.answer(line)

    assert caught.value.kind == "runtime"
    assert caught.value.line is not None


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**40])
def test_an_integer_of_any_size_comes_out_of_the_body_as_it_is(stand: Stand, number: int) -> None:
    sent = b'{"n": %d}' % number

    assert stand.answer("return [request.json.n, json.decode(request.body).n]", body=sent).body == b"[%d,%d]" % (number, number)


@pytest.mark.parametrize("body", [b"[NaN, %d]", b'{"n": %d', b"[" * 5_000 + b"%d", b'"\xff%d"'])
def test_a_body_with_a_long_number_that_is_no_json_is_none(stand: Stand, body: bytes) -> None:
    assert stand.answer("return request.json", body=body % 2**70).status == 204


def test_half_of_a_pair_beside_a_long_number_is_refused(stand: Stand) -> None:
    with pytest.raises(Fault, match="half of a surrogate pair") as caught:
        stand.answer("return request.json", body=b'["\\ud800", %d]' % 2**70)

    assert (caught.value.kind, caught.value.status) == ("abort", 400)


def test_a_reason_that_nobody_knows_is_told_all_the_same() -> None:
    assert border.refusal("result", "new", "The answer").message == "The answer cannot be sent."
