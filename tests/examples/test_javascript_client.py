"""The JavaScript client, run by Node against a real server."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest

from tests.conftest import ROOT
from wce.client import Client

PROGRAM = """
import { Client, ApiError } from '%(file)s';
import assert from 'node:assert/strict';
const client = new Client('%(url)s');
await client.logIn('owner', 'correct horse battery');
await client.query('CREATE TABLE t (id INTEGER PRIMARY KEY, raw BLOB)');
const [made] = await client.transaction([['INSERT INTO t (raw) VALUES (?)', [new Uint8Array([0, 255])]], 'SELECT 1 AS one']);
assert.equal(made.changes, 1);
const { rows } = await client.query('SELECT id, raw FROM t WHERE id = :id', { id: 1 });
assert.deepEqual(rows, [{ id: 1, raw: new Uint8Array([0, 255]) }]);
assert.deepEqual((await client.query('SELECT 1, 2', [], { format: 'arrays' })).rows, [[1, 2]]);
for (let i = 0; i < 2; i++) await client.query('INSERT INTO t (raw) VALUES (1)', [], { key: 'once' });
assert.equal((await client.query('SELECT count(*) AS n FROM t')).rows[0].n, 2);
const missing = error => error instanceof ApiError && error.code === 'no_such_table' && error.status === 404;
await assert.rejects(client.query('SELECT * FROM missing_table'), missing);
await assert.rejects(client.endpoint('GET', '/nothing'), error => error.code === 'not_found');
assert.equal(await client.call('POST', 'logout'), null);

const asked = [];
const busy = new Client('http://x/c', { token: 't', fetch: async (url, request) => {
  asked.push([url, request.method, request.headers.Authorization]);
  return asked.length === 1 ? new Response('{}', { status: 429, headers: { 'Retry-After': '0.01' } }) : new Response('{"rows": []}');
} });
await busy.query('SELECT 1');
assert.deepEqual(asked, [['http://x/c/query', 'POST', 'Bearer t'], ['http://x/c/query', 'POST', 'Bearer t']]);

const sent = [];
const page = new Client('/c/', { fetch: async (url, request) => {
  sent.push([url, request.headers['X-CSRF-Token']]);
  return new Response(url === '/c/me' ? '{"csrf_token": "x"}' : '{"rows": []}');
} });
await page.query('SELECT 1');
await page.query('SELECT 2');
assert.deepEqual(sent, [['/c/me', undefined], ['/c/query', 'x'], ['/c/query', 'x']]);
console.log('done');
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_it_does_what_it_says(server: Any) -> None:
    with Client(server.url) as owner:
        url = owner.create_cenv("owner", "correct horse battery")["cenv_url"]
    program = PROGRAM % {"file": (ROOT / "static/js/wce-client.js").as_uri(), "url": url}

    done = subprocess.run(["node", "--input-type=module", "-e", program], capture_output=True, text=True, timeout=120, check=False)

    assert done.stdout.strip() == "done", done.stderr
