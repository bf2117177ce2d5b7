"""Triggers and views of administrators, met by principals with fewer rights."""

from __future__ import annotations

import pytest

from wce.errors import WceError
from wce.guard import actions
from wce.guard.authorizer import Authorizer
from wce.model import Rights

ALL = Rights(can_read=True, can_write=True, can_delete=True)
READ = Rights(can_read=True)
WRITE = Rights(can_read=True, can_write=True)
INSERT = "INSERT INTO notes (title) VALUES ('new')"
MINE = [("notes", kind, "owner_id = $user_id") for kind in ("read", "write", "delete")]


def code(person, sql: str) -> str:
    with pytest.raises(WceError) as caught:
        person.run(sql)
    return caught.value.code


def test_a_trigger_runs_with_the_rights_of_who_fires_it(cenv) -> None:
    cenv.execute("CREATE TABLE log (text)", "CREATE TRIGGER t AFTER INSERT ON notes BEGIN INSERT INTO log VALUES (new.title); END")
    allowed, denied = cenv.person({"notes": ALL, "log": ALL}), cenv.person({"notes": ALL})

    assert allowed.run("INSERT INTO notes (title) VALUES ('a')").changes == 1
    assert code(denied, "INSERT INTO notes (title) VALUES ('b')") == "table_forbidden"
    assert cenv.all("SELECT text FROM log") == [("a",)]


def test_a_trigger_may_count_the_rows_of_a_cte(cenv) -> None:
    counted = "WITH c AS MATERIALIZED (SELECT id FROM notes) SELECT (SELECT count(*) FROM c) AS n"
    cenv.execute(
        "CREATE TABLE log (n)",
        f"CREATE VIEW counts AS {counted}",
        "CREATE TRIGGER t AFTER INSERT ON notes BEGIN "
        f"INSERT INTO log SELECT n FROM ({counted}) UNION ALL SELECT count(*) FROM counts; END",
    )
    before = cenv.all("SELECT count(*) FROM notes")[0][0]

    cenv.person({"notes": ALL, "log": ALL, "counts": READ}).run("INSERT INTO notes (title) VALUES ('a')")
    cenv.admin().run("INSERT INTO notes (title) VALUES ('b')")

    assert cenv.all("SELECT n FROM log") == [(before + 1,), (1,), (before + 2,), (1,)]


def test_a_cte_in_a_view_opens_no_table_of_its_name(cenv) -> None:
    cenv.execute("CREATE TABLE c (x)", "INSERT INTO c VALUES (1)")
    cenv.execute("CREATE VIEW v AS WITH c AS MATERIALIZED (SELECT id FROM notes) SELECT (SELECT count(*) FROM c) AS n")
    cenv.execute("CREATE VIEW w AS SELECT count(*) AS n FROM c")
    ann = cenv.person({"notes": READ, "v": READ, "w": READ})

    assert code(ann, "SELECT count(*) FROM c") == "no_such_table"
    assert code(ann, "SELECT * FROM w") == "table_forbidden"
    assert code(ann, "SELECT * FROM v, w") == "table_forbidden"


def test_a_definers_trigger_runs_with_its_own(cenv) -> None:
    cenv.execute("CREATE TABLE log (text)", "CREATE TRIGGER t AFTER INSERT ON notes BEGIN INSERT INTO log VALUES (new.title); END")
    ann = cenv.person({"notes": ALL}, MINE, definers=["T"])

    assert ann.run("INSERT INTO notes (owner_id, title) VALUES (1, 'a')").changes == 1
    assert cenv.all("SELECT text FROM log") == [("a",)]


@pytest.mark.parametrize("how", ["INSERT OR IGNORE", "INSERT OR REPLACE", "REPLACE", "INSERT OR FAIL"])
def test_a_definers_trigger_is_not_made_to_pass_over_what_fails_in_it(cenv, how: str) -> None:
    cenv.execute("CREATE TABLE stock (id INTEGER PRIMARY KEY, n CHECK (n >= 0))", "INSERT INTO stock VALUES (1, 5)")
    cenv.execute("CREATE TRIGGER t AFTER INSERT ON notes BEGIN UPDATE stock SET n = n - new.title; INSERT INTO stock VALUES (1, 9); END")
    ann = cenv.person({"notes": ALL}, definers=["t"])

    assert code(ann, f"{how} INTO notes (title) VALUES (1000)") == "statement_not_allowed"
    assert code(ann, "INSERT INTO notes (title) VALUES (1000)") == "constraint"
    assert cenv.all("SELECT * FROM stock") == [(1, 5)]


def test_a_definers_trigger_never_reaches_our_own_tables(cenv) -> None:
    cenv.execute("CREATE TRIGGER t AFTER INSERT ON notes BEGIN UPDATE _wce_users SET role = 'owner'; END")
    ann = cenv.person({"notes": ALL}, definers=["t"])

    with pytest.raises(WceError):
        ann.run("INSERT INTO notes (title) VALUES ('a')")


@pytest.mark.parametrize(
    "body",
    [
        "INSERT INTO copies SELECT secret FROM notes",
        "INSERT INTO copies SELECT count(*) FROM notes",
        "INSERT INTO copies SELECT 1 FROM notes",
        "INSERT INTO copies SELECT secret FROM v",
        "INSERT INTO copies SELECT count(*) FROM v",
        "SELECT CASE WHEN (SELECT count(*) FROM notes) > 2 THEN RAISE(ABORT, 'many') END",
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM notes WHERE secret = 'TOP') THEN RAISE(ABORT, 'top') END",
        "INSERT INTO copies SELECT x FROM hidden",
        "INSERT INTO copies SELECT count(*) FROM hidden",
        "INSERT INTO hidden VALUES (1)",
        "DELETE FROM hidden",
    ],
)
@pytest.mark.parametrize(
    "lead",
    ["", "WITH t AS (SELECT 1) ", "WITH v AS (SELECT 1), hidden AS (SELECT 1), notes AS (SELECT 1) ", "WITH T AS (SELECT 1 FROM notes) "],
)
def test_a_trigger_does_not_carry_out_what_its_firer_may_not_see(cenv, body: str, lead: str) -> None:
    cenv.execute("CREATE TABLE copies (x)", "CREATE TABLE inbox (x)", "CREATE VIEW v AS SELECT * FROM notes")
    cenv.execute(f"CREATE TRIGGER t AFTER INSERT ON inbox BEGIN {body}; END")
    ann = cenv.person({"notes": ALL, "copies": ALL, "inbox": ALL, "v": READ}, MINE)

    assert code(ann, f"{lead}INSERT INTO inbox VALUES (1)") in ("table_forbidden", "no_such_table", "sql_error")

    assert cenv.all("SELECT * FROM copies") == []


@pytest.mark.parametrize(
    "body",
    ["SELECT count(*) FROM notes", "SELECT 1 FROM hidden", "SELECT * FROM (WITH c AS (SELECT count(*) FROM hidden) SELECT * FROM c)"],
)
def test_a_trigger_does_not_count_them_where_sqlite_tells_the_schema(cenv, monkeypatch, body: str) -> None:
    """From 3.47 on it does, for tables in triggers and views of which no column is used."""
    older = Authorizer.__call__

    def newer(self, action, first, second, database, context):
        told = self._schema if action == actions.READ and second == "" and context is not None else database
        return older(self, action, first, second, told, context)

    monkeypatch.setattr(Authorizer, "__call__", newer)
    cenv.execute("CREATE TABLE copies (x)", "CREATE TABLE inbox (x)")
    cenv.execute(f"CREATE TRIGGER t AFTER INSERT ON inbox BEGIN INSERT INTO copies {body}; END")
    ann = cenv.person({"notes": ALL, "copies": ALL, "inbox": ALL}, MINE)

    assert code(ann, "INSERT INTO inbox VALUES (1)") in ("table_forbidden", "no_such_table")


def test_a_trigger_may_use_the_row_that_fired_it(cenv) -> None:
    cenv.execute(
        "CREATE TABLE log (text)", "CREATE TRIGGER t AFTER UPDATE ON notes BEGIN INSERT INTO log VALUES (old.title || new.title); END"
    )
    ann = cenv.person({"notes": ALL, "log": ALL}, MINE)

    assert ann.run("UPDATE notes SET title = 'x'").changes == 2
    assert len(cenv.all("SELECT * FROM log")) == 2


@pytest.mark.parametrize(
    "body",
    [
        "UPDATE notes SET secret = 'now' WHERE id = NEW.id",
        'UPDATE OR ABORT [NOTES] SET secret = notes.title || `notes`.id WHERE "Notes"."ID" == old.Id',
        "UPDATE notes SET secret = title WHERE rowid = NEW.rowid; INSERT INTO log VALUES (NEW.title)",
    ],
)
def test_a_trigger_may_write_to_the_row_that_fired_it(cenv, body: str) -> None:
    cenv.execute("CREATE TABLE log (text)", f"CREATE TRIGGER t AFTER UPDATE OF title ON notes WHEN NEW.title <> '' BEGIN {body}; END")
    ann = cenv.person({"notes": ALL, "log": ALL}, MINE)

    assert ann.run("UPDATE notes SET title = 'x'").changes == 2
    assert cenv.all("SELECT count(*) FROM notes WHERE secret IN ('TOP', 'a', 'b')") == [(1,)]


@pytest.mark.parametrize(
    "text",
    [
        "BEFORE UPDATE OF title ON notes BEGIN UPDATE notes SET secret = abs(secret) WHERE id = NEW.id",
        "AFTER UPDATE OF title ON notes BEGIN UPDATE notes SET secret = (SELECT max(secret) FROM notes) WHERE id = NEW.id",
        "AFTER UPDATE OF title ON notes BEGIN UPDATE notes SET secret = 1 IN notes WHERE id = NEW.id",
        "AFTER UPDATE OF title ON notes BEGIN UPDATE notes SET secret = n.secret FROM notes AS n WHERE id = NEW.id",
        "AFTER UPDATE OF title ON notes BEGIN UPDATE notes SET secret = 1 WHERE 'id' = NEW.title",
        "AFTER UPDATE OF title ON notes BEGIN UPDATE notes SET secret = 1 WHERE owner_id = NEW.owner_id",
        "AFTER UPDATE OF title ON notes BEGIN UPDATE notes SET secret = 1 WHERE id = NEW.id OR secret = 'TOP'",
        "AFTER UPDATE OF title ON notes BEGIN UPDATE notes SET secret = 1 WHERE id = NEW.id; INSERT INTO log SELECT secret FROM notes",
        "AFTER UPDATE OF title ON notes BEGIN UPDATE notes SET secret = 1 WHERE id = NEW.id; INSERT INTO log SELECT secret FROM v",
        "AFTER UPDATE OF title ON notes WHEN 'TOP' IN (SELECT secret FROM notes) BEGIN UPDATE notes SET secret = 1 WHERE id = NEW.id",
    ],
)
def test_a_trigger_gets_at_no_other_row_of_its_table(cenv, text: str) -> None:
    cenv.execute("CREATE TABLE log (text)", "CREATE VIEW v AS SELECT * FROM notes", f"CREATE TRIGGER t {text}; END")
    ann = cenv.person({"notes": ALL, "log": ALL, "v": READ}, MINE)

    assert code(ann, "UPDATE notes SET title = 'x'") == "table_forbidden"
    assert cenv.all("SELECT * FROM log") == []


@pytest.mark.parametrize(
    "step",
    [
        "UPDATE orders SET total = total + NEW.qty WHERE id = NEW.order_id",
        "UPDATE OR IGNORE [Orders] SET total = coalesce(orders.total, 0) + NEW.qty, n = n + 1 WHERE orders.rowid == NEW.order_id",
    ],
)
def test_a_trigger_may_count_in_a_row_that_its_firer_may_write(new_cenv, step: str) -> None:
    cenv = new_cenv(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, owner_id, total, n)",
        "INSERT INTO orders VALUES (1, 1, 5, 0), (2, 2, 7, 0)",
        "CREATE TABLE items (order_id, qty)",
        f"CREATE TRIGGER t AFTER INSERT ON items BEGIN {step}; END",
    )
    ann = cenv.person({"orders": ALL, "items": ALL}, [("orders", "read", "owner_id = $user_id")])

    assert ann.run("INSERT INTO items VALUES (1, 10), (99, 10)").changes == 2
    assert code(ann, "INSERT INTO items VALUES (2, 10)") == "row_policy"
    assert cenv.all("SELECT id, total FROM orders") == [(1, 15), (2, 7)]


def test_what_a_trigger_writes_may_refer_to_rows_of_a_table_with_a_policy_or_without_any_right(new_cenv) -> None:
    cenv = new_cenv(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, owner_id)",
        "CREATE TABLE items (order_id REFERENCES orders, user_id)",
        "CREATE TABLE users (id INTEGER PRIMARY KEY)",
        "CREATE TABLE log (what, order_id REFERENCES orders, user_id REFERENCES users)",
        "CREATE TRIGGER t AFTER INSERT ON items BEGIN INSERT INTO log VALUES ('orders', NEW.order_id, NEW.user_id); END",
        "INSERT INTO orders VALUES (1, 1), (2, 2)",
        "INSERT INTO users VALUES (1)",
    )
    ann = cenv.person({"orders": ALL, "items": ALL, "log": WRITE}, [("orders", "read", "owner_id = $user_id")])
    bob = cenv.person({"items": ALL, "log": WRITE})

    assert ann.run("INSERT INTO items VALUES (1, 1)").changes == 1
    assert bob.run("INSERT INTO items VALUES (2, 1)").changes == 1
    assert code(bob, "INSERT INTO items VALUES (2, 3)") == "constraint"
    assert cenv.all("SELECT order_id, user_id FROM log") == [(1, 1), (2, 1)]


@pytest.mark.parametrize(
    "source", ["orders", "v", "(WITH c AS (SELECT id FROM orders) SELECT id FROM c)", "(SELECT 1 AS id WHERE 1 IN orders)"]
)
@pytest.mark.parametrize("rights", [{"orders": ALL, "v": READ}, {"v": READ}])
def test_that_they_may_opens_no_other_way_to_them(new_cenv, source: str, rights: dict[str, Rights]) -> None:
    cenv = new_cenv(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY)",
        "CREATE TABLE items (order_id REFERENCES orders)",
        "CREATE TABLE log (order_id REFERENCES orders)",
        "CREATE VIEW v AS SELECT id FROM orders",
        f"CREATE TRIGGER t AFTER INSERT ON items BEGIN INSERT INTO log SELECT id FROM {source}; END",
        "INSERT INTO orders VALUES (1), (2)",
    )
    ann = cenv.person({"items": ALL, "log": ALL} | rights, [("orders", "read", "id = 1")])

    assert code(ann, "INSERT INTO items VALUES (1)") == "table_forbidden"
    assert cenv.all("SELECT * FROM log") == []


def test_a_trigger_updates_no_row_of_a_table_that_its_firer_may_only_write_to(new_cenv) -> None:
    cenv = new_cenv(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, sent DEFAULT 0)",
        "CREATE TABLE items (order_id REFERENCES orders)",
        "CREATE TRIGGER t AFTER INSERT ON items BEGIN UPDATE orders SET sent = 1 WHERE id = NEW.order_id; END",
        "INSERT INTO orders (id) VALUES (1)",
    )

    assert code(cenv.person({"orders": Rights(can_write=True), "items": ALL}), "INSERT INTO items VALUES (1)") == "table_forbidden"


def test_a_row_that_cannot_be_read_does_not_tell_a_trigger_whom_it_refers_to(new_cenv) -> None:
    cenv = new_cenv(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY)",
        "CREATE TABLE users (id INTEGER PRIMARY KEY)",
        "CREATE TABLE items (order_id REFERENCES orders ON UPDATE CASCADE, user_id REFERENCES users)",
        "CREATE TABLE log (user_id REFERENCES users)",
        "CREATE TRIGGER t AFTER UPDATE ON items BEGIN INSERT INTO log VALUES (OLD.user_id); END",
        "INSERT INTO orders VALUES (1)",
        "INSERT INTO users VALUES (7)",
        "INSERT INTO items VALUES (1, 7)",
    )
    ann = cenv.person({"orders": ALL, "items": Rights(can_write=True), "log": ALL, "users": READ})

    assert code(ann, "UPDATE orders SET id = 2") == "table_forbidden"


def test_rows_go_with_their_parent_that_a_trigger_removes(new_cenv) -> None:
    cenv = new_cenv(
        "CREATE TABLE people (id INTEGER PRIMARY KEY)",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, person_id)",
        "CREATE TABLE items (order_id REFERENCES orders ON DELETE CASCADE, locked DEFAULT 0)",
        "CREATE TABLE marks (order_id REFERENCES orders ON DELETE SET NULL ON UPDATE CASCADE)",
        "CREATE TRIGGER t AFTER DELETE ON people BEGIN DELETE FROM orders WHERE person_id = OLD.id; END",
        "INSERT INTO people VALUES (1), (2)",
        "INSERT INTO orders VALUES (1, 1), (2, 2)",
        "INSERT INTO items VALUES (1, 0), (2, 1)",
        "INSERT INTO marks VALUES (1), (2)",
    )
    rights = dict.fromkeys(("people", "orders", "items", "marks"), ALL)
    ann = cenv.person(rights, [("items", "delete", "NOT locked")])

    assert ann.run("DELETE FROM people WHERE id = 1").changes == 1
    assert code(ann, "DELETE FROM people WHERE id = 2") == "row_policy"
    assert code(cenv.person(rights | {"items": WRITE}), "DELETE FROM people WHERE id = 2") == "row_policy"
    assert code(cenv.person(rights | {"marks": READ}), "DELETE FROM people WHERE id = 2") == "row_policy"
    assert cenv.all("SELECT i.order_id, m.order_id FROM items AS i, marks AS m") == [(2, None), (2, 2)]


def test_a_trigger_may_look_up_other_tables_for_the_row_that_fired_it(new_cenv) -> None:
    cenv = new_cenv(
        "CREATE TABLE bills (id INTEGER PRIMARY KEY, owner_id, year, number)",
        "CREATE TABLE counters (year INTEGER PRIMARY KEY, n)",
        "INSERT INTO counters VALUES (2026, 7)",
        "CREATE TRIGGER t AFTER INSERT ON bills BEGIN UPDATE counters SET n = n + 1 WHERE year = NEW.year; UPDATE bills SET number = "
        "NEW.year || '-' || (SELECT printf('%04d', c.n) FROM counters AS c WHERE c.year = NEW.year) WHERE id = NEW.id; END",
    )
    mine = [("bills", "read", "owner_id = $user_id")]

    assert cenv.person({"bills": ALL, "counters": WRITE}, mine).run("INSERT INTO bills VALUES (1, 1, 2026, '')").changes == 1
    assert code(cenv.person({"bills": ALL, "counters": Rights(can_write=True)}, mine), "INSERT INTO bills VALUES (2, 1, 2026, '')")
    assert cenv.all("SELECT number FROM bills") == [("2026-0008",)]


@pytest.mark.parametrize(
    ("step", "more"),
    [
        ("SET total = abs(total) WHERE id = NEW.order_id", ""),
        ("SET note = note || NEW.qty WHERE id = NEW.order_id", ""),
        ("SET total = CASE WHEN total < NEW.qty THEN RAISE(ABORT, 'no') END WHERE id = NEW.order_id", ""),
        ("SET total = (SELECT 1) WHERE id = NEW.order_id", ""),
        ("SET total = 1 IN orders WHERE id = NEW.order_id", ""),
        ("SET note = CASE WHEN total = NEW.qty THEN 1 IN fails END WHERE id = NEW.order_id", ""),
        ("SET id = total WHERE id = NEW.order_id", ""),
        ("SET total = 1 WHERE owner_id = NEW.order_id", ""),
        ("SET total = 1 WHERE id = NEW.order_id AND note = 'TOP'", ""),
        ("SET total = total + NEW.qty WHERE id = NEW.order_id", "STRICT"),  # the sum of hidden numbers may be none of its type
        ("SET total = total + NEW.qty WHERE id = NEW.order_id; INSERT INTO items SELECT id, total FROM orders WHERE 0", ""),
    ],
)
def test_a_trigger_tells_nothing_of_the_rows_of_a_table_with_a_policy(new_cenv, step: str, more: str) -> None:
    cenv = new_cenv(
        f"CREATE TABLE orders (id INTEGER PRIMARY KEY, owner_id INTEGER, total INTEGER, note TEXT) {more}",
        "INSERT INTO orders VALUES (1, 1, 5, 'x'), (2, 2, 7, 'TOP')",
        "CREATE TABLE items (order_id, qty)",
        "CREATE VIEW fails AS SELECT json('no')",
        f"CREATE TRIGGER t AFTER INSERT ON items BEGIN UPDATE orders {step}; END",
    )
    ann = cenv.person({"orders": ALL, "items": ALL, "fails": READ}, [("orders", "read", "owner_id = $user_id")])

    assert code(ann, "INSERT INTO items VALUES (1, 10)") == "table_forbidden"


@pytest.mark.parametrize("collation", ["BINARY", "NOCASE"])
def test_a_key_that_tells_apart_what_is_equal_leads_a_trigger_to_other_rows(new_cenv, collation: str) -> None:
    cenv = new_cenv(
        f"CREATE TABLE codes (id TEXT COLLATE NOCASE, owner_id INTEGER, secret, PRIMARY KEY (id COLLATE {collation}))",
        "INSERT INTO codes VALUES ('A', 2, 'TOP')",
        "CREATE TRIGGER t AFTER INSERT ON codes BEGIN UPDATE codes SET secret = json(secret) WHERE id = NEW.id; END",
    )
    ann = cenv.person({"codes": ALL}, [("codes", "read", "owner_id = $user_id")])

    assert code(ann, "INSERT INTO codes VALUES ('a', 1, '1')") == "table_forbidden"


def test_generated_columns_are_not_computed_for_a_trigger_in_rows_that_a_policy_hides(new_cenv) -> None:
    cenv = new_cenv(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, owner_id INTEGER, total INTEGER, g AS (abs(total)))",
        "CREATE TABLE items (order_id, qty)",
        "CREATE TRIGGER t AFTER INSERT ON items BEGIN UPDATE orders SET total = total + 1 WHERE id = NEW.order_id; END",
    )
    ann = cenv.person({"orders": ALL, "items": ALL}, [("orders", "read", "owner_id = $user_id")])

    assert code(ann, "INSERT INTO items VALUES (1, 10)") == "table_forbidden"


def test_a_text_or_column_with_the_name_of_the_table_is_not_the_table(cenv) -> None:
    cenv.execute("CREATE TABLE log (what, row)", "CREATE TABLE boards (id INTEGER PRIMARY KEY, notes)", "INSERT INTO boards VALUES (1, 0)")
    steps = "INSERT INTO log VALUES ('notes', OLD.id); UPDATE boards SET notes = notes + 1 WHERE id = OLD.owner_id"
    cenv.execute(f"CREATE TRIGGER t AFTER UPDATE ON notes WHEN NEW.title <> 'notes' BEGIN {steps}; END")
    ann = cenv.person({"notes": ALL, "log": ALL, "boards": ALL}, MINE)

    assert ann.run("UPDATE notes SET title = 'x'").changes == 2
    assert cenv.all("SELECT count(*), max(notes) FROM log, boards") == [(2, 2)]


@pytest.mark.parametrize("body", ["INSERT INTO log SELECT secret FROM {}", "UPDATE {} SET secret = 'all' WHERE id = {}.id"])
@pytest.mark.parametrize("name", ["new", "old"])
def test_a_table_called_as_the_row_that_fires_is_still_a_table(cenv, name: str, body: str) -> None:
    cenv.execute("CREATE TABLE log (text)", f"ALTER TABLE notes RENAME TO {name}")
    cenv.execute(f"CREATE TRIGGER t AFTER UPDATE OF title ON {name} BEGIN {body.format(name, name)}; END")
    ann = cenv.person({name: ALL, "log": ALL}, [(name, "read", "owner_id = $user_id")])

    assert code(ann, f"UPDATE {name} SET title = 'x'") == "table_forbidden"
    assert cenv.all("SELECT * FROM log") == []


@pytest.mark.parametrize("name", ["new", "old"])
def test_what_a_trigger_writes_to_a_table_called_so_passes_the_net(cenv, name: str) -> None:
    cenv.execute(f"CREATE TABLE {name} (x)", f"CREATE TRIGGER t AFTER INSERT ON notes BEGIN INSERT INTO {name} VALUES (NEW.title); END")
    ann = cenv.person({"notes": ALL, name: ALL}, [(name, "write", "x <> 'new'")])

    assert code(ann, INSERT) == "row_policy"
    assert ann.run("INSERT INTO notes (title) VALUES ('other')").changes == 1


@pytest.mark.parametrize("source", ["t", "(WITH t AS (SELECT secret FROM notes) SELECT secret FROM t)"])
@pytest.mark.parametrize("definers", [[], ["t"]])
def test_a_view_or_with_has_no_more_rights_than_other_ones_when_a_trigger_has_its_name(cenv, source: str, definers: list[str]) -> None:
    cenv.execute("CREATE TABLE log (text)", "CREATE TABLE inbox (x)", "CREATE VIEW t AS SELECT secret FROM notes")
    cenv.execute("CREATE TRIGGER t AFTER UPDATE OF title ON notes BEGIN UPDATE notes SET secret = 1 WHERE id = NEW.id; END")
    cenv.execute(f"CREATE TRIGGER u AFTER INSERT ON inbox BEGIN INSERT INTO log SELECT secret FROM {source}; END")
    ann = cenv.person({"notes": ALL, "inbox": ALL, "log": ALL, "t": READ}, MINE, definers=definers)

    assert code(ann, "INSERT INTO inbox VALUES (1)") == "table_forbidden"
    assert cenv.all("SELECT * FROM log") == []


def test_rows_that_a_trigger_writes_pass_the_net(cenv) -> None:
    cenv.execute(
        "CREATE TABLE inbox (x)",
        "CREATE TRIGGER t AFTER INSERT ON inbox BEGIN UPDATE notes SET title = 'changed' WHERE id = new.x; END",
    )
    ann = cenv.person({"notes": ALL, "inbox": ALL}, [("notes", "write", "owner_id = $user_id")])

    assert ann.run("INSERT INTO inbox VALUES (1)").changes == 1
    assert code(ann, "INSERT INTO inbox VALUES (2)") == "row_policy"
    assert cenv.all("SELECT title FROM notes WHERE id = 2") == [("theirs",)]


@pytest.mark.parametrize(
    "source", ["hidden", "hidden WHERE x IS NOT DISTINCT FROM 1", "(SELECT 1)", "hidden AS a, hidden AS b RETURNING oid"]
)
def test_a_view_is_not_updated_from_other_tables(cenv, source: str) -> None:
    """SQLite 3.40 reads memory that nobody has written where such an UPDATE, or a trigger that it fires, asks for a rowid."""
    cenv.execute("CREATE VIEW v AS SELECT id, title FROM notes")
    cenv.execute("CREATE TRIGGER t INSTEAD OF UPDATE ON v BEGIN INSERT INTO hidden VALUES (OLD.rowid); END")
    step = f"UPDATE OR IGNORE v SET title = 'x' FROM {source.removesuffix(' RETURNING oid')}"
    cenv.execute(f"CREATE TRIGGER u AFTER INSERT ON notes BEGIN SELECT 1; {step}; END")
    ann = cenv.person({"notes": ALL, "hidden": ALL, "v": READ})

    with cenv.admin().session() as admin, ann.session() as editor:
        for session, sql in [(admin, f"UPDATE v SET title = 'x' FROM {source}"), (admin, INSERT), (editor, INSERT)]:
            with pytest.raises(WceError) as caught:
                session.plan(sql)
            assert caught.value.code == ("table_forbidden" if session is editor else "statement_not_allowed")


def test_a_trigger_may_update_a_view_and_update_tables_from_others(cenv) -> None:
    cenv.execute("CREATE VIEW v AS SELECT id, title FROM notes")
    cenv.execute("CREATE TRIGGER t INSTEAD OF UPDATE ON v BEGIN UPDATE notes SET title = NEW.title WHERE id = OLD.id; END")
    steps = "UPDATE v SET title = 'x' WHERE id IS NOT DISTINCT FROM 2; UPDATE notes SET secret = x FROM hidden WHERE id = 3;"
    cenv.execute(f"CREATE TRIGGER u AFTER INSERT ON notes BEGIN {steps} END")

    cenv.admin().run(INSERT)

    assert cenv.all("SELECT title, secret FROM notes WHERE id > 1") == [("x", "TOP"), ("also mine", "hidden value"), ("new", None)]


def test_a_trigger_that_fires_itself_without_end_is_told_the_way_out(cenv) -> None:
    cenv.execute("CREATE TRIGGER t AFTER UPDATE ON notes BEGIN UPDATE notes SET secret = 'now' WHERE id = NEW.id; END")

    for person in (cenv.person({"notes": ALL}, MINE), cenv.admin()):
        with pytest.raises(WceError, match="UPDATE OF"):
            person.run("UPDATE notes SET title = 'x'")


def test_what_raise_says_is_told(cenv) -> None:
    cenv.execute("CREATE TRIGGER t BEFORE INSERT ON notes BEGIN SELECT RAISE(ABORT, 'closed on Sundays'); END")
    ann = cenv.person({"notes": ALL})

    with pytest.raises(WceError) as caught:
        ann.run("INSERT INTO notes (title) VALUES ('a')")

    assert (caught.value.code, caught.value.detail) == ("constraint", "closed on Sundays")


def test_a_constraint_of_a_hidden_table_is_not_named(cenv) -> None:
    cenv.execute("CREATE TABLE quiet (x UNIQUE)", "INSERT INTO quiet VALUES (1)")
    cenv.execute("CREATE TRIGGER t AFTER INSERT ON notes BEGIN INSERT INTO quiet VALUES (1); END")
    ann = cenv.person({"notes": ALL}, definers=["t"])

    with pytest.raises(WceError) as caught:
        ann.run("INSERT INTO notes (title) VALUES ('a')")

    assert caught.value.code == "constraint"
    assert "quiet" not in caught.value.detail


# -------------------------------------------------------------------------------------------- views


@pytest.fixture
def viewed(cenv):
    cenv.execute(
        "CREATE VIEW plain AS SELECT id, notes.title FROM notes",
        "CREATE VIEW renamed (number, text) AS SELECT id, title || '!' FROM notes",
        "CREATE VIEW over AS SELECT id FROM plain WHERE id > 1",
        "CREATE VIEW counted AS SELECT count(*) AS n FROM notes",
        "CREATE VIEW closed AS SELECT * FROM hidden",
        "CREATE VIEW half AS SELECT id FROM over",
        "CREATE VIEW failing AS SELECT id, abs(CASE WHEN secret = 'TOP' THEN -9223372036854775808 ELSE 1 END) AS a FROM notes",
    )
    return cenv


def test_a_view_shows_what_its_reader_may_see(viewed) -> None:
    ann = viewed.person({"notes": ALL, "plain": READ, "renamed": READ, "over": READ, "counted": READ}, MINE)

    assert ann.run("SELECT * FROM plain").columns == ("id", "title")
    assert ann.rows("SELECT id FROM plain") == [(1,), (3,)]
    assert ann.rows("SELECT text FROM renamed WHERE number = 1") == [("mine!",)]
    assert ann.rows("SELECT * FROM over") == [(3,)]
    assert ann.rows("SELECT * FROM counted, (SELECT count(*) FROM main.plain)") == [(2, 2)]


def test_a_view_in_a_write_shows_the_same(viewed) -> None:
    ann = viewed.person({"notes": ALL, "plain": READ, "counted": READ}, MINE)

    assert ann.rows("UPDATE notes SET title = (SELECT n FROM counted) RETURNING title") == [("2",), ("2",)]
    assert ann.run("DELETE FROM notes WHERE id IN (SELECT id FROM plain)").changes == 2


def test_a_view_that_was_not_granted_is_not_there(viewed) -> None:
    ann = viewed.person({"notes": ALL}, MINE)

    for sql in ("SELECT * FROM plain", "SELECT count(*) FROM plain", "SELECT 1 FROM main.plain", "DELETE FROM plain"):
        assert code(ann, sql) == "no_such_table"


def test_a_view_over_what_may_not_be_read_is_refused(viewed) -> None:
    ann = viewed.person({"notes": ALL, "closed": READ, "half": READ}, MINE)

    for sql in ("SELECT * FROM closed", "SELECT count(*) FROM closed", "SELECT * FROM half", "SELECT count(*) FROM half"):
        assert code(ann, sql) in ("table_forbidden", "no_such_table")


def test_a_view_does_not_tell_about_hidden_rows(viewed) -> None:
    ann = viewed.person({"notes": ALL, "failing": READ}, MINE)

    assert ann.rows("SELECT a FROM failing") == [(1,), (1,)]
    assert ann.rows("SELECT id FROM failing WHERE a = 1") == [(1,), (3,)]


def test_a_with_of_the_client_does_not_get_into_a_view(viewed) -> None:
    ann = viewed.person({"notes": ALL, "plain": READ, "closed": READ}, MINE)

    assert code(ann, "WITH notes AS (SELECT 2 AS id, 3 AS title) SELECT * FROM plain") == "sql_error"
    assert code(ann, "WITH x AS (WITH hidden AS (SELECT 1) SELECT 1) SELECT count(*) FROM closed, x") in (
        "table_forbidden",
        "no_such_table",
    )


@pytest.mark.parametrize("sql", ["DELETE FROM plain", "UPDATE plain SET id = 1", "INSERT INTO plain VALUES (1, 2)"])
def test_views_are_read_only(viewed, sql: str) -> None:
    viewed.execute("CREATE TRIGGER instead INSTEAD OF INSERT ON plain BEGIN INSERT INTO hidden VALUES (1); END")
    ann = viewed.person({"notes": ALL, "plain": ALL}, MINE)

    assert code(ann, sql) == "table_forbidden"


def test_views_over_views_cannot_keep_sqlite_busy(cenv) -> None:
    cenv.execute("CREATE VIEW v0 AS SELECT 1 AS x")
    cenv.execute(*[f"CREATE VIEW v{n} AS SELECT a.x FROM v{n - 1} AS a, v{n - 1} AS b" for n in range(1, 23)])
    ann = cenv.person({"v22": READ, "v3": READ, "v2": READ, "v1": READ, "v0": READ})

    assert code(ann, "SELECT 1 FROM v22") == "too_large"
    assert ann.rows("SELECT x FROM v3") == [(1,)]
    assert cenv.guard.catalogue(cenv.id).too_heavy is not None


def test_a_view_that_names_the_schema_shuts_the_file_for_all_but_administrators(cenv) -> None:
    """Our own rules let nobody make one; a file may come from elsewhere."""
    cenv.execute("CREATE VIEW bad AS SELECT * FROM main.notes")
    ann = cenv.person({"notes": ALL})

    assert code(ann, "SELECT 1") == "cenv_damaged"
    assert cenv.admin().run("DROP VIEW bad").changes == 0
    assert len(ann.rows("SELECT * FROM notes")) == 3
