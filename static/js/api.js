// The one way to the server: JSON over fetch, with the session's CSRF token, a bar while it takes long, and errors as Problem.
const { cenv = '', userId } = document.body.dataset;
export const CENV = cenv; // "/{cenv}", or "" outside of one
const BAR_AFTER_MS = 300;
let { csrf = '' } = document.body.dataset, running = 0, timer, signIn, asking;

/** An error that the server told: code, detail, errors [{field, message}], position {line, column}; `wait`: seconds until it may be asked again. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The server answered ${status}.`);
    Object.assign(this, { status, code: '', errors: [], title: '', ...body });
  }
}

function bar(change) {
  running += change;
  clearTimeout(timer);
  if (!running) document.body.classList.remove('loading');
  else timer = setTimeout(() => document.body.classList.add('loading'), BAR_AFTER_MS);
}

/** Say what asks for the password when the session has ended: it answers whether somebody signed in, and the page stays as it is. */
export const whenEnded = ask => { signIn = ask; };

/** Take the token of the session that the browser has now; it must be the same person's. */
async function renew() {
  const me = await (await once('GET', '/me', undefined, {})).json();
  if (String(me.user_id) !== userId) throw new Problem(403, { code: 'other_user', detail: `${me.username} is now signed in on this browser, so nothing is sent from this page. Copy what you typed, then reload the page.` });
  csrf = me.csrf_token;
}

/** Send a request; `path` is of this cenv. `body` becomes JSON unless it is FormData, a Blob or a text. Answers the Response. */
export async function send(method, path, body, options = {}) {
  try { return await once(method, path, body, options); } catch (error) {
    const ended = ['not_signed_in', 'bad_token'].includes(error.code); // a wrong password is 401 as well, and is told where it was typed
    if (!userId || !(ended || error.code === 'csrf')) throw error;
    if (ended && options.quiet) throw error; // what runs beside somebody's typing must not take the keys
    if (ended && !await (asking ??= signIn().finally(() => { asking = undefined; }))) throw error;
    await renew(); // another tab may have signed in, too
    return once(method, path, body, options);
  }
}

async function once(method, path, body, { accept = 'application/json', signal, headers = {}, quiet = false, fetching = {} }) {
  const raw = body instanceof Blob || body instanceof FormData || typeof body === 'string' || body === undefined;
  const all = { Accept: accept, ...(raw ? {} : { 'Content-Type': 'application/json' }), ...(csrf && method !== 'GET' ? { 'X-CSRF-Token': csrf } : {}), ...headers };
  if (!quiet) bar(1);
  try {
    const answer = await fetch(path.startsWith(cenv || '/') ? path : cenv + path, { method, headers: all, body: raw ? body : JSON.stringify(body), signal, ...fetching });
    if (answer.ok) return answer;
    const told = (answer.headers.get('Content-Type') ?? '').includes('json') ? await answer.json() : {};
    throw new Problem(answer.status, { wait: Number(answer.headers.get('Retry-After')) || 1, request_id: answer.headers.get('X-Request-ID'), ...told });
  } catch (error) {
    if (error instanceof TypeError) throw new Problem(0, { title: 'No connection', detail: 'The server cannot be reached. Check the connection and try again.' });
    throw error;
  } finally {
    if (!quiet) bar(-1);
  }
}

/** What a text of JSON says; an integer that a number would round is the text of its digits, which SQLite takes as the integer again. */
export const parse = text => (/\d{16}/.test(text) ? JSON.parse(text, (_, value, at) => (typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(at?.source) ? at.source : value)) : JSON.parse(text));

/** The same for an answer in JSON; undefined for 204. */
export async function api(method, path, body, options) {
  const answer = await send(method, path, body, options);
  return answer.status === 204 ? undefined : parse(await answer.text());
}

export const get = (path, options) => api('GET', path, undefined, options);
export const post = (path, body = {}, options) => api('POST', path, body, options);
export const put = (path, body, options) => api('PUT', path, body, options);
export const del = (path, options) => api('DELETE', path, undefined, options);

let unanswered = {}; // the last write and its key, while it is not known whether it is done
/** A write that is done once: after an answer that was lost, the same one sent again is known by its key and gets that answer. After another write it is meant anew. */
export async function writeOnce(path, body) {
  const write = path + JSON.stringify(body), sent = unanswered.write === write ? unanswered : { write, key: crypto.getRandomValues(new Uint32Array(4)).join('-') };
  unanswered = sent;
  let lost = false;
  try { return await post(path, body, { headers: { 'Idempotency-Key': sent.key } }); } catch (error) {
    lost = error.status === 0;
    throw error;
  } finally { if (!lost && unanswered === sent) unanswered = {}; }
}

/** One statement: {columns, rows (arrays), row_count, …}. */
export const query = (sql, params = [], options = {}) => post('/query', { sql, params, format: 'arrays', ...(options.max_rows ? { max_rows: options.max_rows } : {}), ...(options.read_only ? { read_only: true } : {}) }, options);

/** A name as SQL writes it. */
export const ident = name => '"' + name.replaceAll('"', '""') + '"';

/** Where the rows of a table are shown. "." and ".." are steps in an address, however they are written, and none is empty there, begins or ends with a slash there or has two lines: the console shows such tables. */
export const rowsUrl = name => (/^\.{0,2}$|^\/|\/$|\n/.test(name) ? `${CENV}/console?${new URLSearchParams({ sql: `SELECT * FROM ${ident(name)}` })}` : `${CENV}/data/${encodeURIComponent(name)}`);

/** Let the browser save a Blob under a name. */
export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
