"""A cenv that looks lived in: a shop with people, rules and a script, for the tests in a browser."""

from __future__ import annotations

from dataclasses import dataclass

import requests

PASSWORD = "correct horse"
SCHEMA = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, region TEXT, agent TEXT, notes TEXT)",
    "CREATE TABLE products (id INTEGER PRIMARY KEY, sku TEXT UNIQUE, name TEXT, price REAL)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id),"
    " product_id INTEGER REFERENCES products (id), total REAL, status TEXT, created_at TEXT)",
    "CREATE VIEW monthly AS SELECT substr(created_at, 1, 7) AS month, count(*) AS orders, round(sum(total), 2) AS revenue"
    " FROM orders GROUP BY 1",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 240) INSERT INTO customers SELECT i, 'Customer ' || i,"
    " CASE i % 3 WHEN 0 THEN 'Europe' WHEN 1 THEN 'Americas' ELSE 'Asia Pacific' END, CASE i % 2 WHEN 0 THEN 'grace' ELSE 'ada' END,"
    ' CASE i % 7 WHEN 0 THEN \'{"vip": true, "since": 2019}\' END FROM n',
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)"
    " INSERT INTO products SELECT i, printf('SKU-%04d', i), 'Product ' || i, 5 + i * 1.35 FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1400) INSERT INTO orders SELECT i, 1 + i * 37 % 240,"
    " 1 + i * 13 % 60, round(20 + i * 7919 % 4000 / 13.0, 2), CASE i % 11 WHEN 0 THEN 'open' WHEN 1 THEN 'refunded' ELSE 'paid' END,"
    " date('2026-01-04', (i * 17 % 330) || ' days') FROM n",
)
SCRIPT = """\
def handler(request):
    rows = db.query("SELECT id, name, region FROM customers ORDER BY id LIMIT 5")
    print("found", len(rows))
    return {"customers": rows}
"""


@dataclass(frozen=True)
class Place:
    """One cenv on a running server; `url` is its address without a slash at the end."""

    server: str
    cenv: str
    tokens: dict[str, str]

    @property
    def url(self) -> str:
        return f"{self.server}/{self.cenv}"

    def send(self, method: str, path: str, body: object = None, who: str = "ada") -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return requests.request(method, self.url + path, json=body, headers=headers, timeout=30)

    def made(self, path: str, body: object) -> int:
        """Make something by the API; its id where it has one."""
        answer = self.send("POST", path, body)
        assert answer.ok, answer.text
        value = answer.json()
        return int(value.get("user_id") or value.get("id") or 0)


def settle(server: str) -> Place:
    """Make the shop on a server: ada owns it, grace edits her own customers, vera only looks."""
    made = requests.post(f"{server}/new", json={"username": "ada", "password": PASSWORD}, timeout=30)
    assert made.ok, made.text
    cenv = made.json()["cenv_id"]
    place = Place(server, cenv, {})
    place.tokens["ada"] = token(place, "ada")
    for name, role in (("grace", "editor"), ("vera", "viewer")):
        user = place.made("/admin/users", {"username": name, "password": PASSWORD, "role": role})
        place.tokens[name] = token(place, name)
        place.tokens[f"{name}.id"] = str(user)
    place.made("/transaction", {"statements": [{"sql": sql} for sql in SCHEMA]})
    for table in ("customers", "orders", "products"):
        rights = {"can_read": True, "can_write": True, "can_delete": table == "customers"}
        place.made("/admin/permissions", {"user_id": int(place.tokens["grace.id"]), "table_name": table, **rights})
        place.made("/admin/permissions", {"user_id": int(place.tokens["vera.id"]), "table_name": table, "can_read": True})
    place.made("/admin/policies", {"table_name": "customers", "policy_type": "read", "sql_condition": "agent = $username"})
    place.made("/admin/endpoints", {"path": "/customers", "method": "GET", "script": SCRIPT, "access": "user"})
    place.send("PUT", "/admin/config", {"title": "Acme Store", "max_users": 50})  # room for those whom tests invite
    return place


def token(place: Place, name: str) -> str:
    answer = requests.post(f"{place.url}/login", json={"username": name, "password": PASSWORD}, timeout=30)
    assert answer.ok, answer.text
    return str(answer.json()["token"])
