/**
 * A client of one cenv's HTTP API, for programs in JavaScript: browsers, Node 18 and later, Deno. No dependencies.
 *
 *     import { Client } from './wce-client.js';
 *     const client = new Client('https://wce.example.org/3f2a…/', { token: 'wce_…' });
 *     const { rows } = await client.query('SELECT id, title FROM notes WHERE owner = ?', ['ada']);
 *
 * Without a token, on a page of the same server, the cookie of the login counts, and the CSRF token is fetched when it is first needed.
 */
const ATTEMPTS = 4;

/** The server refused; `code` is what a program looks at, `problem` the whole answer. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(`${status} ${problem.code ?? ''}: ${problem.detail ?? 'no detail'}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = problem.code ?? '';
    this.problem = problem;
  }
}

export class Client {
  #base;
  #token;
  #csrf = '';
  #fetch;

  /** `base` is the address of the cenv, as `cenv_url` told it. */
  constructor(base, { token = '', fetch = globalThis.fetch } = {}) {
    this.#base = base.endsWith('/') ? base : `${base}/`;
    this.#token = token;
    this.#fetch = fetch;
  }

  /** Sign in and keep the token for the calls that follow; `more` may hold `totp`. */
  async logIn(username, password, more = {}) {
    this.#token = (await this.call('POST', 'login', { username, password, ...more })).token;
  }

  /** One statement: {columns, rows, changes, last_row_id, truncated, …}, its BLOBs as Uint8Array. With `key` a write happens once. */
  async query(sql, params, { maxRows, format, key } = {}) {
    const body = { sql, params: packed(params), max_rows: maxRows, format };
    return unpacked(await this.call('POST', 'query', body, key ? { 'Idempotency-Key': key } : {}));
  }

  /** Statements as [sql, params] or sql, all or nothing, and once only however often the line breaks. */
  async transaction(statements) {
    const list = statements.map(item => (typeof item === 'string' ? { sql: item } : { sql: item[0], params: packed(item[1]) }));
    const answer = await this.call('POST', 'transaction', { statements: list }, { 'Idempotency-Key': crypto.randomUUID() });
    return answer.results.map(unpacked);
  }

  /** Call an endpoint of the cenv. */
  endpoint(method, path, body) {
    return this.call(method, `api/${path.replace(/^\//, '')}`, body);
  }

  /** A call under the cenv: what the JSON of the answer says, null for none; throws ApiError. */
  async call(method, path, body, headers = {}) {
    const repeatable = method === 'GET' || 'Idempotency-Key' in headers;
    for (let attempt = 1; ; attempt++) {
      let response;
      try {
        response = await this.#fetch(this.#base + path, await this.#request(method, path, body, headers));
      } catch (error) {
        if (!repeatable || attempt === ATTEMPTS) throw error;
        await pause(0.2 * 2 ** attempt);
        continue;
      }
      if ((response.status === 429 || response.status === 503) && attempt < ATTEMPTS) {
        await pause(Math.min(Number(response.headers.get('Retry-After')) || 1, 60)); // nothing was done
        continue;
      }
      return answer(response);
    }
  }

  async #request(method, path, body, headers) {
    const sent = { Accept: 'application/json', ...headers };
    if (body !== undefined) sent['Content-Type'] = 'application/json';
    if (this.#token) sent.Authorization = `Bearer ${this.#token}`;
    else if (method !== 'GET' && path !== 'login') {
      this.#csrf ||= (await this.call('GET', 'me')).csrf_token ?? '';
      sent['X-CSRF-Token'] = this.#csrf;
    }
    return { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'same-origin' };
  }
}

async function answer(response) {
  const text = await response.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    value = { detail: text.slice(0, 200) };
  }
  if (!response.ok) throw new ApiError(response.status, value ?? {});
  return value;
}

function pause(seconds) {
  return new Promise(done => setTimeout(done, seconds * 1000));
}

function packed(params) {
  const pack = value => (value instanceof Uint8Array ? { $base64: btoa(Array.from(value, byte => String.fromCharCode(byte)).join('')) } : value);
  if (Array.isArray(params)) return params.map(pack);
  return params && Object.fromEntries(Object.entries(params).map(([name, value]) => [name, pack(value)]));
}

function unpacked(result) {
  const unpack = value => (value?.$base64 === undefined ? value : Uint8Array.from(atob(value.$base64), letter => letter.charCodeAt(0)));
  const row = found => (Array.isArray(found) ? found.map(unpack) : Object.fromEntries(Object.entries(found).map(([name, value]) => [name, unpack(value)])));
  return { ...result, rows: result.rows.map(row) };
}
