"""The trigger net: rows that are reached without being named."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.model import Limits, Rights

LIMITS = Limits()
ALL = Rights(can_read=True, can_write=True, can_delete=True)
WRITE = Rights(can_read=True, can_write=True)


def code(person, sql: str) -> str:
    with pytest.raises(WceError) as caught:
        person.run(sql)
    return caught.value.code


@pytest.fixture
def shop(new_cenv):
    return new_cenv(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, owner_id INTEGER, ref TEXT UNIQUE ON CONFLICT REPLACE)",
        "CREATE TABLE lines (id INTEGER PRIMARY KEY, owner_id INTEGER,"
        " order_id INTEGER REFERENCES orders ON DELETE CASCADE ON UPDATE CASCADE)",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders ON DELETE SET NULL)",
        "INSERT INTO orders VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 1, 'c')",
        "INSERT INTO lines VALUES (1, 1, 1), (2, 2, 3)",
        "INSERT INTO notes VALUES (1, 1)",
    )


@pytest.fixture
def seller(shop):
    mine = [(table, kind, "owner_id = $user_id") for table in ("orders", "lines") for kind in ("read", "write", "delete")]
    return shop.person({"orders": ALL, "lines": ALL, "notes": WRITE}, mine)


@pytest.mark.parametrize(
    "sql",
    [
        "REPLACE INTO orders VALUES (2, 1, 'x')",
        "INSERT OR REPLACE INTO orders VALUES (9, 1, 'b')",
        "INSERT INTO orders VALUES (9, 1, 'b')",  # the column itself says REPLACE
        "UPDATE OR REPLACE orders SET id = 2 WHERE id = 1",
        "UPDATE orders SET ref = 'b' WHERE id = 1",
    ],
)
def test_a_hidden_row_is_never_replaced(shop, seller, sql: str) -> None:
    assert code(seller, sql) == "row_policy"

    assert shop.all("SELECT * FROM orders WHERE owner_id = 2") == [(2, 2, "b")]


def test_ones_own_row_may_be_replaced(shop, seller) -> None:
    assert seller.run("REPLACE INTO orders VALUES (1, 1, 'z')").changes == 1


def test_replacing_needs_the_right_to_delete(shop) -> None:
    writer = shop.person({"orders": WRITE})

    assert code(writer, "REPLACE INTO orders VALUES (1, 1, 'z')") == "row_policy"
    assert writer.run("REPLACE INTO orders VALUES (7, 1, 'new')").changes == 1


def test_a_cascade_stops_at_a_row_that_may_not_be_deleted(shop, seller) -> None:
    assert code(seller, "DELETE FROM orders WHERE id = 3") == "row_policy"
    assert seller.run("DELETE FROM orders WHERE id = 1").changes == 1
    assert shop.all("SELECT id FROM lines") == [(2,)]
    assert shop.all("SELECT order_id FROM notes") == [(None,)]


def test_a_foreign_key_does_not_write_where_there_is_no_right(shop) -> None:
    ann = shop.person({"orders": ALL, "lines": ALL})

    assert code(ann, "DELETE FROM orders WHERE id = 1") == "row_policy"
    assert ann.run("DELETE FROM orders WHERE id = 2").changes == 1


@pytest.mark.parametrize(("rights", "answer"), [({}, "table_forbidden"), ({"notes": WRITE}, "")])
def test_a_foreign_key_does_not_get_in_where_only_a_definers_trigger_may(shop, rights, answer: str) -> None:
    shop.execute("CREATE TRIGGER t AFTER UPDATE ON lines BEGIN UPDATE notes SET order_id = NULL; DELETE FROM notes; END")
    ann = shop.person({"orders": ALL, "lines": ALL, **rights}, definers=["t"])

    if answer:
        assert code(ann, "DELETE FROM orders WHERE id = 1") == answer
        assert ann.run("UPDATE lines SET owner_id = 9").changes == 2
    else:
        assert ann.run("DELETE FROM orders WHERE id = 1").changes == 1


def test_a_cascade_stops_at_a_row_that_may_not_be_updated(shop, seller) -> None:
    assert code(seller, "UPDATE orders SET id = 30 WHERE id = 3") == "row_policy"


@pytest.mark.parametrize("how", ["INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE", "INSERT OR FAIL"])
def test_a_row_for_somebody_else_is_refused_whatever_the_conflict_clause(seller, how: str) -> None:
    assert code(seller, f"{how} INTO orders VALUES (9, 2, 'x')") == "row_policy"


def test_a_row_cannot_be_given_away(seller) -> None:
    assert code(seller, "UPDATE orders SET owner_id = 2 WHERE id = 1") == "row_policy"


def test_the_net_is_there_again_after_a_rollback(shop, seller) -> None:
    """Triggers that were made in a transaction go with it, and so do those made in a savepoint."""
    with pytest.raises(ZeroDivisionError), seller.session() as session, session.transaction(seller.actor, write=True):  # noqa: PT012
        session.run("UPDATE orders SET ref = 'q' WHERE id = 1")
        raise ZeroDivisionError

    assert code(seller, "UPDATE orders SET owner_id = 2 WHERE id = 1") == "row_policy"


def test_the_net_is_there_again_after_a_savepoint_is_undone(shop) -> None:
    ann = shop.person({"orders": WRITE, "notes": ALL}, [("orders", "write", "owner_id = 1")])

    with ann.session() as session, session.transaction(ann.actor, write=True) as transaction:
        with pytest.raises(ZeroDivisionError), transaction.nested():  # noqa: PT012
            session.run("INSERT INTO orders VALUES (9, 1, 'x')")
            raise ZeroDivisionError
        session.run("SELECT last_insert_rowid()")  # makes a TEMP table, which brings the version of the TEMP schema back to what it was
        with pytest.raises(WceError) as caught:
            session.run("INSERT INTO orders VALUES (9, 2, 'x')")

    assert caught.value.code == "row_policy"


def test_the_net_follows_a_change_of_the_table(shop, seller) -> None:
    seller.run("UPDATE orders SET ref = 'q' WHERE id = 1")

    shop.execute("ALTER TABLE orders ADD COLUMN extra", "CREATE TABLE other (x)", "DROP TABLE notes")

    assert seller.run("UPDATE orders SET extra = 'x'").changes == 2
    assert code(seller, "UPDATE orders SET owner_id = 2 WHERE id = 1") == "row_policy"


def test_the_net_does_not_hinder_what_has_no_policy(shop) -> None:
    ann = shop.person({"orders": ALL, "lines": ALL, "notes": ALL})

    assert ann.run("REPLACE INTO orders VALUES (2, 1, 'x')").changes == 1
    assert ann.run("DELETE FROM orders").changes == 3


@pytest.fixture
def typed(new_cenv):
    """Columns whose types change what they are compared with: 7 is '7' in each."""
    return new_cenv(
        "CREATE TABLE forms (id INTEGER PRIMARY KEY, state INTEGER, author TEXT)",
        "CREATE TABLE keyed (state INTEGER, author TEXT, PRIMARY KEY (author, state)) WITHOUT ROWID",
        "CREATE TABLE pages (id INTEGER PRIMARY KEY, author TEXT, form_id INTEGER REFERENCES forms ON DELETE CASCADE ON UPDATE CASCADE)",
        "INSERT INTO forms VALUES (1, 1, '1')",
        "INSERT INTO keyed VALUES (1, '1')",
        "INSERT INTO pages VALUES (1, '1', 1)",
    )


@pytest.mark.parametrize("table", ["forms", "keyed"])
@pytest.mark.parametrize(
    "condition", ["state <> '7'", "author NOT IN (7)", "CASE author WHEN 7 THEN 0 ELSE 1 END", "author NOT IN (SELECT 7)"]
)
def test_a_written_row_is_compared_as_a_row_of_its_table(typed, table: str, condition: str) -> None:
    ann = typed.person({table: ALL}, [(table, "write", condition)])

    assert code(ann, f"INSERT INTO {table} (state, author) VALUES (7, '7')") == "row_policy"
    assert code(ann, f"UPDATE {table} SET state = 7, author = '7'") == "row_policy"
    assert ann.run(f"INSERT INTO {table} (state, author) VALUES (8, '8')").changes == 1


def test_so_is_one_that_a_key_reaches(typed) -> None:
    mine = [(table, kind, "author = $user_id") for table in ("forms", "pages", "keyed") for kind in ("read", "write", "delete")]
    ann = typed.person({"forms": ALL, "pages": ALL, "keyed": ALL}, mine)

    assert ann.run("INSERT INTO forms VALUES (2, 1, '1')").changes == 1
    assert ann.run("REPLACE INTO keyed VALUES (1, '1')").changes == 1
    assert ann.run("UPDATE forms SET id = 3 WHERE id = 1").changes == 1
    assert ann.run("DELETE FROM forms WHERE id = 3").changes == 1
    assert typed.all("SELECT * FROM pages") == []


def test_a_trigger_may_remove_the_row_that_fired_it(new_cenv) -> None:
    inbox = new_cenv(
        "CREATE TABLE inbox (id INTEGER PRIMARY KEY, author TEXT)",
        "CREATE TRIGGER taken AFTER INSERT ON inbox BEGIN DELETE FROM inbox WHERE id = new.id; END",
    )
    ann = inbox.person({"inbox": ALL}, [("inbox", "write", "author = $user_id")])

    assert ann.run("INSERT INTO inbox VALUES (1, '1')").changes == 1
    assert inbox.all("SELECT * FROM inbox") == []


def test_keys_that_a_column_takes_for_equal_are_different_rows(new_cenv) -> None:
    cenv = new_cenv(
        "CREATE TABLE words (word TEXT COLLATE NOCASE, author INTEGER, text TEXT, PRIMARY KEY (word COLLATE BINARY)) WITHOUT ROWID",
        "INSERT INTO words VALUES ('a', 1, 'mine'), ('A', 2, 'theirs')",
    )
    ann = cenv.person({"words": ALL}, [("words", kind, "author = $user_id") for kind in ("read", "write", "delete")])

    assert ann.run("UPDATE words SET text = 'x' WHERE word = 'A'").changes == 1
    assert code(ann, "REPLACE INTO words VALUES ('A', 1, 'y')") == "row_policy"
    assert code(ann, "INSERT INTO words VALUES ('b', 1, 'z'), ('B', 2, 'z')") == "row_policy"
    assert ann.run("DELETE FROM words").changes == 1
    assert cenv.all("SELECT * FROM words") == [("A", 2, "theirs")]


def test_a_table_called_new_or_old_is_not_the_row_of_the_net(new_cenv) -> None:
    shape = "(id INTEGER PRIMARY KEY, owner_id INTEGER)"
    cenv = new_cenv(
        *(f"CREATE TABLE {name} {shape}" for name in ("new", "old")),
        "INSERT INTO new VALUES (1, 1)",
        "INSERT INTO old VALUES (1, 1), (2, 2)",
    )
    mine = [(table, kind, "owner_id = $user_id") for table in ("new", "old") for kind in ("read", "write", "delete")]
    ann = cenv.person({"new": ALL, "old": ALL}, mine)

    assert code(ann, "INSERT INTO new VALUES (7, 2)") == "row_policy"
    assert code(ann, "REPLACE INTO old VALUES (2, 1)") == "row_policy"
    assert ann.run("UPDATE old SET id = 5").changes == 1
    assert cenv.all("SELECT * FROM old ORDER BY id") == [(2, 2), (5, 1)]


@pytest.mark.parametrize(
    "seat", ["grp IN (SELECT m.grp FROM {} AS m WHERE m.usr = $user_id)", "grp IN (SELECT grp FROM {} WHERE usr = $user_id)"]
)
@pytest.mark.parametrize(
    "table",
    [
        "members (usr INTEGER, grp INTEGER, note TEXT)",
        "new (grp INTEGER AS (place) VIRTUAL, usr INTEGER, place INTEGER, note TEXT, id INTEGER PRIMARY KEY)",
        "Old (usr INTEGER, grp INTEGER, note TEXT, PRIMARY KEY (usr, grp)) WITHOUT ROWID, STRICT",
    ],
)
def test_a_row_does_not_vouch_for_itself(new_cenv, table: str, seat: str) -> None:
    name = table.split(maxsplit=1)[0]
    place = "place" if "place" in table else "grp"
    cenv = new_cenv(f"CREATE TABLE {table}", f"INSERT INTO {name} (usr, {place}) VALUES (1, 7), (2, 7), (2, 8)")
    ann = cenv.person({name: ALL}, [(name, kind, seat.format(name)) for kind in ("read", "write", "delete")])

    for sql in (
        f"INSERT INTO {name} (usr, {place}) VALUES (1, 8)",
        f"INSERT INTO {name} (usr, {place}) VALUES (1, 99), (3, 99)",
        f"REPLACE INTO {name} (usr, {place}) VALUES (1, 9)",
        f"UPDATE {name} SET {place} = 8 WHERE usr = 1",
        f"UPDATE {name} SET usr = 1, {place} = 8 WHERE usr = 2",
    ):
        assert code(ann, sql) == "row_policy"
    assert ann.run(f"UPDATE {name} SET note = 'x'").changes == 2
    assert ann.run(f"INSERT INTO {name} (usr, {place}) VALUES (3, 7), (4, 7) RETURNING grp").rows == [(7,), (7,)]
    assert cenv.all(f"SELECT usr, grp FROM {name} WHERE grp <> 7") == [(2, 8)]


def test_what_a_policy_counts_in_its_own_table_counts_the_row_that_is_written(cenv) -> None:
    ann = cenv.person({"notes": ALL}, [("notes", "write", "(SELECT count(*) FROM notes AS n WHERE n.owner_id = $user_id) <= 3")])

    assert ann.run("INSERT INTO notes (owner_id) VALUES (1)").changes == 1
    assert code(ann, "INSERT INTO notes (owner_id) VALUES (1)") == "row_policy"


def test_a_write_policy_checks_against_rows_that_nobody_else_sees(new_cenv) -> None:
    cenv = new_cenv("CREATE TABLE booking (id INTEGER PRIMARY KEY, room TEXT, starts INTEGER, ends INTEGER, guest INTEGER)")
    other = "b.room = booking.room AND b.id <> booking.id AND b.starts < booking.ends AND b.ends > booking.starts"
    policies = [("booking", kind, "guest = $user_id") for kind in ("read", "write", "delete")]
    policies.append(("booking", "write", f"NOT EXISTS (SELECT 1 FROM booking AS b WHERE {other})"))
    ann, bob = (cenv.person({"booking": ALL}, policies, user_id=number) for number in (1, 2))
    booked = "INSERT INTO booking (room, starts, ends, guest) VALUES"

    assert ann.run(f"{booked} ('a', 10, 12, 1), ('a', 12, 13, 1)").changes == 2
    assert bob.run(f"{booked} ('a', 13, 15, 2)").changes == 1
    refused = [f"{booked} ('a', 11, 14, 2)", f"{booked} ('b', 1, 3, 2), ('b', 2, 4, 2)", "UPDATE booking SET starts = 12"]
    assert [code(bob, sql) for sql in refused] == ["row_policy"] * 3
    assert bob.run("UPDATE booking SET ends = 20").changes == 1
    assert cenv.all("SELECT count(*) FROM booking") == [(3,)]
