"""The tables, rows and principals of the attack catalogue: two worlds that differ only in what ordinary users may not see."""

# ruff: noqa: E501 - a statement reads best on one line

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from wce.model import Grants, Rights, Role, RowPolicy

Which = Literal["a", "b"]
Execute = Callable[..., Any]

ALICE: Final = 2
BOB: Final = 3
ADMIN: Final = 8
OWNER: Final = 1

# Rights are written as the letters r, w, d.
RIGHTS: Final[dict[str, dict[str, str]]] = {
    "alice": {
        "notes": "rwd",
        "docs": "rwd",
        "comments": "rwd",
        "tasks": "rwd",
        "accounts": "rwd",
        "slots": "rwd",
        "keep": "rw",
        "dropbox": "w",
        "free": "rwd",
        "catalog": "r",
        "board": "rwd",
        "tickets": "rwd",
        "orders": "rw",
        "inbox": "rw",
        "spill": "rwd",
        "trail": "w",
        "employees": "rw",
        "branches": "rwd",
        "leaves": "rwd",
        "kin": "r",
        "straße": "r",
        "we ird": "rw",
        "search": "r",
        "notes_fts": "r",
        "catalog_fts": "r",
        "boxes": "r",
        "ghost": "rwd",
        "v_notes": "r",
        "v_vault": "r",
        "v_catalog": "r",
        "v_join": "r",
        "v_count": "r",
        "v_nested": "r",
        "v_full": "r",
        "v_using": "r",
        "v_natural": "r",
        "v_notes_full": "r",
        "echo": "rwd",
        "trunks": "rwd",
        "relay": "rwd",
        "vault_copy": "rwd",
        "notes_copy": "rwd",
    },
    "bob": {"notes": "rwd", "catalog": "r", "docs": "r"},
    "vera": {"notes": "r", "catalog": "r", "free": "r"},
    "public": {"catalog": "r", "board": "r"},
}

OWN: Final = "owner_id = $user_id"
POLICIES: Final[tuple[tuple[str, int | None, str, str], ...]] = (
    ("notes", None, "read", OWN),
    ("notes", None, "write", OWN),
    ("notes", None, "delete", OWN),
    ("docs", None, "read", "EXISTS (SELECT 1 FROM members WHERE members.group_id = docs.group_id AND members.user_id = $user_id)"),
    ("comments", None, "read", "author_id = $user_id"),
    ("comments", None, "write", "author_id = $user_id"),
    ("comments", None, "delete", "author_id = $user_id"),
    ("tasks", None, "read", OWN),
    ("tasks", None, "write", OWN),
    ("tasks", None, "delete", OWN),
    ("accounts", None, "read", "euros < 100"),
    ("accounts", None, "write", "euros < 100"),
    ("slots", None, "read", OWN),
    ("slots", None, "write", OWN),
    ("slots", None, "delete", OWN),
    ("board", None, "write", OWN),
    ("board", None, "delete", OWN),
    ("employees", None, "read", "id = $user_id OR boss_id IN (SELECT e.id FROM employees AS e WHERE e.id = $user_id)"),
    ("employees", None, "write", "salary < 1000"),
    ("leaves", None, "read", OWN),
    ("leaves", None, "write", OWN),
    ("leaves", None, "delete", OWN),
)
USER_IDS: Final = {"alice": ALICE, "bob": BOB, "vera": 4, "public": 0, "admin": ADMIN, "owner": OWNER}
ROLES: Final = {
    "alice": Role.EDITOR,
    "bob": Role.EDITOR,
    "vera": Role.VIEWER,
    "public": Role.PUBLIC,
    "admin": Role.ADMIN,
    "owner": Role.OWNER,
}


def grants(who: str) -> Grants:
    """What `who` may do, as the core would hand it to the guard."""
    user_id = USER_IDS[who]
    policies = tuple(
        RowPolicy(number, table, user, kind, condition)
        for number, (table, user, kind, condition) in enumerate(POLICIES, 1)
        if user is None or user == user_id
    )
    rights = {name: Rights("r" in letters, "w" in letters, "d" in letters) for name, letters in RIGHTS.get(who, {}).items()}
    return Grants(ROLES[who], rights, policies, {"user_id": user_id}, frozenset({"orders_definer"}), fingerprint=who)


SCHEMA: Final = """
CREATE TABLE notes(id INTEGER PRIMARY KEY, owner_id INTEGER NOT NULL, title TEXT UNIQUE, secret TEXT, score INTEGER NOT NULL DEFAULT 0, data TEXT);
CREATE INDEX notes_secret ON notes(secret);
CREATE INDEX notes_score ON notes(score, title);
CREATE INDEX notes_foreign ON notes(data) WHERE owner_id = 3;
CREATE INDEX notes_length ON notes(length(secret));
CREATE TABLE docs(id INTEGER PRIMARY KEY, group_id INTEGER, secret TEXT, n INTEGER, body TEXT);
CREATE INDEX docs_secret ON docs(secret);
CREATE INDEX docs_n ON docs(n, body);
CREATE TABLE members(user_id INTEGER, group_id INTEGER, memo TEXT, PRIMARY KEY(user_id, group_id)) WITHOUT ROWID;
CREATE TABLE comments(id INTEGER PRIMARY KEY, note_id INTEGER REFERENCES notes(id) ON DELETE CASCADE ON UPDATE CASCADE, author_id INTEGER, text TEXT);
CREATE TABLE tasks(project TEXT, n INTEGER, owner_id INTEGER, what TEXT, PRIMARY KEY(project, n)) WITHOUT ROWID;
CREATE TABLE accounts(id INTEGER PRIMARY KEY, cents INTEGER NOT NULL CHECK(cents >= 0), label TEXT,
  euros REAL AS (cents / 100.0) VIRTUAL, tag TEXT AS (upper(label)) STORED) STRICT;
CREATE TABLE slots(id INTEGER PRIMARY KEY, code TEXT UNIQUE ON CONFLICT REPLACE, owner_id INTEGER);
CREATE TABLE keep(id INTEGER PRIMARY KEY, k TEXT UNIQUE, v TEXT);
CREATE TABLE dropbox(id INTEGER PRIMARY KEY, k TEXT UNIQUE, msg TEXT);
CREATE TABLE free(id INTEGER PRIMARY KEY, a INTEGER, b TEXT, c TEXT COLLATE NOCASE);
CREATE TABLE trail(id INTEGER PRIMARY KEY, what TEXT);
CREATE TABLE catalog(id INTEGER PRIMARY KEY, name TEXT, price REAL);
CREATE TABLE board(id INTEGER PRIMARY KEY, owner_id INTEGER, text TEXT);
CREATE TABLE vault(id INTEGER PRIMARY KEY, secret TEXT UNIQUE, pin INTEGER);
CREATE TABLE tickets(id INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT);
CREATE TABLE employees(id INTEGER PRIMARY KEY, boss_id INTEGER, name TEXT, salary INTEGER);
CREATE TABLE stock(id INTEGER PRIMARY KEY, n INTEGER);
CREATE TABLE orders(id INTEGER PRIMARY KEY, stock_id INTEGER, n INTEGER, echo TEXT);
CREATE TABLE inbox(id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE spill(id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE branches(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE leaves(id INTEGER PRIMARY KEY, branch_id INTEGER REFERENCES branches(id) ON DELETE SET NULL ON UPDATE CASCADE, owner_id INTEGER);
CREATE TABLE echo(id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE mirror(user_id INTEGER PRIMARY KEY, username TEXT COLLATE NOCASE, password_hash TEXT, role TEXT, email TEXT, created_at INTEGER,
  invited_by INTEGER, last_login INTEGER, enabled INTEGER DEFAULT 1);
CREATE TABLE vault_copy(id INTEGER PRIMARY KEY, secret TEXT, pin INTEGER);
CREATE TABLE notes_copy(id INTEGER PRIMARY KEY, owner_id INTEGER, title TEXT, secret TEXT, score INTEGER DEFAULT 0, data TEXT);
CREATE TABLE relay(id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE trunks(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE twigs(id INTEGER PRIMARY KEY, trunk_id INTEGER REFERENCES trunks(id) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE TABLE kin(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE "\u212ain"(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE "straße"(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE "strasse"(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE "we ird"(id INTEGER PRIMARY KEY, "sel""ect" TEXT, "from" TEXT, "x]y" TEXT);
CREATE VIRTUAL TABLE search USING fts5(title, body);
CREATE VIRTUAL TABLE notes_fts USING fts5(title, secret, content='notes', content_rowid='id');
CREATE VIRTUAL TABLE catalog_fts USING fts5(name, content='catalog', content_rowid='id');
CREATE VIRTUAL TABLE vault_fts USING fts5(secret);
CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
CREATE VIEW v_notes AS SELECT id, title, count(*) OVER () FROM notes;
CREATE VIEW v_vault AS SELECT id, secret FROM vault;
CREATE VIEW v_catalog(item, cost) AS SELECT name, price FROM catalog;
CREATE VIEW v_hidden AS SELECT name FROM catalog;
CREATE VIEW v_join AS SELECT n.title AS title, c.text AS text FROM notes AS n JOIN comments AS c ON c.note_id = n.id;
CREATE VIEW v_count AS SELECT count(*) AS n FROM notes;
CREATE VIEW v_full AS SELECT secret FROM (SELECT NULL AS secret WHERE 0) FULL JOIN vault USING (secret);
CREATE VIEW v_using AS SELECT free.id FROM free JOIN vault USING (id);
CREATE VIEW v_natural AS SELECT count(*) AS n FROM catalog NATURAL LEFT JOIN vault;
CREATE VIEW v_notes_full AS SELECT secret FROM (SELECT NULL AS secret WHERE 0) FULL JOIN notes USING (secret);
CREATE VIEW v_nested AS SELECT (SELECT n FROM v_count) AS n, title FROM v_notes;
"""

# Made last, so that filling the tables does not fire them.
TRIGGERS: Final = """
CREATE TRIGGER free_trail AFTER INSERT ON free WHEN new.a > 100 BEGIN INSERT INTO trail(what) VALUES (new.b); END;
CREATE TRIGGER notes_trail AFTER UPDATE OF score ON notes WHEN new.score > 100 BEGIN INSERT INTO trail(what) VALUES (old.title || new.title); END;
CREATE TRIGGER orders_definer AFTER INSERT ON orders BEGIN UPDATE stock SET n = n - new.n WHERE id = new.stock_id; END;
CREATE TRIGGER inbox_leak AFTER INSERT ON inbox BEGIN UPDATE inbox SET body = (SELECT secret FROM vault WHERE id = 1) WHERE id = new.id; END;
CREATE TRIGGER spill_notes AFTER INSERT ON spill BEGIN UPDATE notes SET secret = new.body; END;
CREATE TRIGGER spill_delete AFTER DELETE ON spill BEGIN DELETE FROM vault; END;
CREATE TRIGGER echo_insert AFTER INSERT ON echo BEGIN
  INSERT INTO trail(what) SELECT secret FROM (SELECT NULL AS secret WHERE 0) FULL JOIN vault USING (secret); END;
CREATE TRIGGER echo_update AFTER UPDATE ON echo WHEN new.body = 'y' BEGIN
  UPDATE echo SET body = (SELECT group_concat(secret) FROM (SELECT NULL AS secret WHERE 0) FULL JOIN notes USING (secret)); END;
CREATE TRIGGER echo_delete AFTER DELETE ON echo WHEN EXISTS (SELECT 1 FROM free JOIN vault USING (id)) BEGIN INSERT INTO trail(what) VALUES ('x'); END;
CREATE TRIGGER relay_insert AFTER INSERT ON relay BEGIN INSERT INTO vault_copy SELECT * FROM vault; END;
CREATE TRIGGER relay_update AFTER UPDATE ON relay BEGIN INSERT INTO notes_copy SELECT * FROM notes; END;
CREATE TRIGGER relay_delete AFTER DELETE ON relay BEGIN INSERT INTO vault_copy SELECT id, secret, pin FROM vault; END;
CREATE TRIGGER v_notes_insert INSTEAD OF INSERT ON v_notes BEGIN INSERT INTO notes(id, owner_id, title) VALUES (new.id, 3, new.title); END;
"""

VISIBLE: Final = """
INSERT INTO notes VALUES (1, 2, 'apple', 'red', 10, '{"k":1}'), (3, 2, 'cherry', 'dark', 30, '{"k":3}'), (50, 2, 'plum', 'blue', 5, '{"k":5}');
INSERT INTO members VALUES (2, 7, '');
INSERT INTO docs VALUES (1, 7, 'mine', 1, '{"a":1}'), (90, 7, 'ours', 5, '{"a":5}');
INSERT INTO comments VALUES (1, 1, 2, 'first'), (2, 3, 2, 'on three'), (60, 1, 2, 'last');
INSERT INTO tasks VALUES ('home', 1, 2, 'sweep'), ('home', 2, 2, 'cook');
INSERT INTO accounts(id, cents, label) VALUES (1, 500, 'cash'), (70, 9900, 'bank');
INSERT INTO slots VALUES (1, 's1', 2), (9, 's9', 2);
INSERT INTO keep VALUES (1, 'k1', 'v1'), (2, 'k2', 'v2');
INSERT INTO free VALUES (1, 10, 'one', 'A'), (2, 20, 'two', 'b'), (3, NULL, NULL, NULL);
INSERT INTO catalog VALUES (1, 'pen', 1.5), (2, 'ink', 9.0);
INSERT INTO catalog_fts(catalog_fts) VALUES ('rebuild');
INSERT INTO board VALUES (1, 2, 'mine'), (2, 3, 'theirs');
INSERT INTO tickets(t) VALUES ('t1');
INSERT INTO employees VALUES (2, 1, 'alice', 500), (5, 2, 'eve', 300), (95, 2, 'max', 200);
INSERT INTO orders VALUES (1, 1, 1, '');
INSERT INTO inbox VALUES (1, 'hello');
INSERT INTO spill VALUES (1, 'spilt');
INSERT INTO branches VALUES (1, 'left'), (2, 'right');
INSERT INTO leaves VALUES (1, 1, 2), (9, 2, 2);
INSERT INTO echo VALUES (1, 'x');
INSERT INTO relay VALUES (1, 'x');
INSERT INTO trunks VALUES (1, 'one'), (2, 'two');
INSERT INTO twigs VALUES (1, 1);
INSERT INTO kin VALUES (1, 'kin');
INSERT INTO "straße" VALUES (1, 'straße');
INSERT INTO "we ird" VALUES (1, 'quote', 'word', 'bracket');
INSERT INTO search(title, body) VALUES ('apple pie', 'bake it'), ('cherry tart', 'eat it');
INSERT INTO boxes VALUES (1, 0, 10), (2, 5, 15);
INSERT INTO trail VALUES (100, 'top');
INSERT INTO dropbox VALUES (100, 'top', 'top');
INSERT INTO stock VALUES (1, 100);
"""

# Hidden values of world a make many functions fail: the least integer for abs, broken JSON, a text of two letters for ESCAPE.
HIDDEN: Final[dict[Which, str]] = {
    "a": """
INSERT INTO notes VALUES (2, 3, 'banana', 'TOP secret', -9223372036854775808, '{bad'), (4, 3, 'durian', 'TOP too', 9223372036854775807, 'xx'),
  (20, 4, 'extra', 'red', 9223372036854775807, '{bad'), (21, 4, 'extra2', NULL, 0, NULL);
INSERT INTO docs VALUES (2, 8, 'TOP secret', -9223372036854775808, '{bad'), (3, 8, 'TOP too', 9223372036854775807, '{bad'), (4, 9, 'mine', 1, NULL);
INSERT INTO members VALUES (3, 8, 'TOP memo'), (4, 9, 'x');
INSERT INTO comments VALUES (3, 3, 3, 'TOP foreign on three'), (4, 2, 3, 'on hidden'), (5, 2, 3, 'more');
INSERT INTO tasks VALUES ('home', 3, 3, 'TOP spy'), ('work', 1, 3, 'plot'), ('work', 2, 3, 'more');
INSERT INTO accounts(id, cents, label) VALUES (3, 99900, 'TOP offshore'), (4, 99999900, 'more');
INSERT INTO slots VALUES (2, 's2', 3), (4, 's4', 3);
INSERT INTO dropbox VALUES (1, 'd1', 'TOP drop'), (2, 'd2', 'more');
INSERT INTO trail VALUES (1, 'TOP trail');
INSERT INTO vault VALUES (1, 'gold', 1234), (2, 'silver', -9223372036854775808);
INSERT INTO employees VALUES (6, 1, 'bob', 900), (7, 6, 'TOP zoe', 2000);
INSERT INTO leaves VALUES (2, 2, 3), (3, NULL, 3);
INSERT INTO "\u212ain" VALUES (1, 'TOP kelvin');
INSERT INTO strasse VALUES (1, 'TOP strasse');
INSERT INTO vault_fts(secret) VALUES ('gold silver');
INSERT INTO stock VALUES (2, 50), (3, 7);
INSERT INTO notes_fts(notes_fts) VALUES ('rebuild');
""",
    "b": """
INSERT INTO notes VALUES (2, 3, 'banana', 'plain', 7, '{}'), (4, 3, 'durian', 'plain', 8, '{}'), (22, 4, 'extra3', 'zzz', 3, '{}');
INSERT INTO docs VALUES (2, 8, 'plain', 4, '{}'), (3, 8, 'plain', 5, '{}');
INSERT INTO members VALUES (3, 8, 'memo');
INSERT INTO comments VALUES (3, 3, 3, 'foreign'), (4, 2, 3, 'plain');
INSERT INTO tasks VALUES ('home', 3, 3, 'walk'), ('work', 1, 3, 'rest');
INSERT INTO accounts(id, cents, label) VALUES (3, 10000, 'plain');
INSERT INTO slots VALUES (2, 's2', 3), (5, 's5', 4);
INSERT INTO dropbox VALUES (1, 'd1', 'plain');
INSERT INTO trail VALUES (1, 'plain'), (2, 'plain');
INSERT INTO vault VALUES (1, 'lead', 9), (2, 'tin', 8), (3, 'zinc', 7);
INSERT INTO employees VALUES (6, 1, 'bob', 100);
INSERT INTO leaves VALUES (2, 2, 3);
INSERT INTO "\u212ain" VALUES (1, 'plain'), (2, 'plain');
INSERT INTO vault_fts(secret) VALUES ('lead');
INSERT INTO stock VALUES (2, 1);
CREATE TABLE phantom(id INTEGER PRIMARY KEY, x TEXT);
INSERT INTO phantom VALUES (1, 'boo');
CREATE VIEW v_phantom AS SELECT * FROM phantom;
INSERT INTO notes_fts(notes_fts) VALUES ('rebuild');
""",
}

# Tables in which a statement may add rows that the writer himself cannot see.
GROWS: Final = frozenset({"docs", "dropbox", "trail", "accounts", "employees"})


def statements(script: str) -> Iterator[str]:
    """The statements of a script in which each ends at the end of a line."""
    for part in script.split(";\n"):
        if part.strip():
            yield part.strip()


def fill(execute: Execute, which: Which) -> None:
    """Create the schema and the rows of one world."""
    for script in (SCHEMA, VISIBLE, HIDDEN[which], TRIGGERS):
        for statement in statements(script):
            execute(statement)
