"""The forms that random expressions are made of; {a} and {b} stand for columns or expressions."""

from __future__ import annotations

from typing import Final


def lines(text: str) -> tuple[str, ...]:
    """One form a line."""
    return tuple(line.strip() for line in text.strip().splitlines())


# Functions that never fail, with their numbers of arguments.
TOTAL: Final[tuple[tuple[str, int], ...]] = tuple(
    (name, count)
    for count, names in (
        (1, "length lower upper typeof round sign likely date sqrt trim unicode quote"),
        (2, "coalesce ifnull nullif min max"),
        (3, "iif substr"),
    )
    for name in names.split()
)
# Functions and operators that fail, or take much room, for some values.
PARTIAL: Final = lines("""
    abs({a})
    abs({a})
    abs({a} - 1)
    char({a})
    concat({a}, {b})
    exp({a})
    hex({a})
    instr({a}, 'a')
    json({a})
    json_array({a}, {b})
    json_array_length({a})
    json_extract({a}, '$.k')
    json_extract('{{}}', {a})
    json_quote({a})
    json_remove({a}, '$.k')
    json_set({a}, '$.z', {b})
    json_type({a})
    json_valid({a})
    length(randomblob({a}))
    length(zeroblob({a}))
    likelihood({a}, 0.5)
    log({a})
    ltrim({a}, 'a')
    pow({a}, 2)
    printf('%5.2f', {a})
    printf('%d-%s', {a}, {b})
    replace({a}, 'a', 'bb')
    soundex({a})
    strftime('%Y', {a})
    unixepoch({a})
    zeroblob({a})
    {a} -> '$.k'
    {a} ->> 'k'
    {a} << {b}
    {a} GLOB {b}
    {a} LIKE {b}
    {a} LIKE {b} ESCAPE 'b'
    {a} MATCH {b}
    {a} REGEXP {b}
    {a} || {a} || {b}
    'x' LIKE {a} ESCAPE {b}
    (SELECT count(*) FROM json_each({a}))
    (SELECT max(atom) FROM json_tree({a}))
    CASE WHEN {a} = 'TOP' THEN abs(-9223372036854775808) ELSE {b} END
""")
# By kind of column: what works on plain values and fails on poison.
PROBES: Final[dict[str, tuple[str, ...]]] = {
    "int": lines("""
        abs({a})
        abs({a}) + 1
        length(zeroblob({a}))
        length(randomblob({a} - 1))
        json_extract('[1]', CASE {a} WHEN -9223372036854775808 THEN 'x' ELSE '$' END)
    """),
    "json": lines("""
        json({a})
        json_type({a})
        json_array_length({a})
        json_extract({a}, '$.k')
        json_set({a}, '$.z', 1)
        {a} -> '$.k'
        {a} ->> 'k'
        (SELECT count(*) FROM json_each({a}))
        EXISTS (SELECT 1 FROM json_tree({a}))
    """),
    "text": lines("""
        'x' LIKE {a}
        'x' GLOB {a}
        'x' LIKE 'x' ESCAPE CASE {a} WHEN 'TOP' THEN 'ab' WHEN 'ab' THEN 'ab' ELSE 'a' END
        CASE WHEN {a} IN ('TOP', 'ab', '{{bad') THEN abs(-9223372036854775808) ELSE 1 END
        length(zeroblob(CASE {a} WHEN '{{bad' THEN 2000000000 ELSE 1 END))
    """),
}
# The first seven do not depend on the order of the rows.
AGGREGATES: Final = lines("""
    count(*)
    count({a})
    count(DISTINCT {a})
    sum({a})
    total({a})
    min({a})
    max({a})
    avg({a})
    group_concat({a})
    group_concat(DISTINCT {a})
    json_group_array({a})
    max(length({a}))
    sum(abs({a}))
    count(*) FILTER (WHERE {a})
    sum({a}) FILTER (WHERE {b} > 1)
""")
ORDERLESS: Final = 7
WINDOWS: Final = lines("""
    row_number()
    rank()
    dense_rank()
    ntile(2)
    count(*)
    sum({a})
    max({a})
    lag({a})
    lead({a}, 1, {b})
    first_value({a})
    nth_value({a}, 2)
""")
FRAMES: Final = (
    "",
    "",
    " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
    " ROWS UNBOUNDED PRECEDING",
    " RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
    " GROUPS 1 PRECEDING",
    " ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING EXCLUDE TIES",
)
COMPARE: Final = ("=", "<>", "<", ">", "<=", ">=", "IS", "IS NOT")
BINARY: Final = (*COMPARE, "+", "-", "*", "/", "%", "||", "&", "|", "==", "AND", "OR", "IS DISTINCT FROM")
