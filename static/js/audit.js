// The audit log: filtered, page by page, with the details of each entry.
import { get, save, send } from './api.js';
import { $, button, empty, fill, h } from './dom.js';
import { ago, date, plural } from './format.js';
import { act, begin, dialog, toast } from './ui.js';

const PAGE = 50, MOST = 1000, KINDS = { csv: 'text/csv', ndjson: 'application/x-ndjson' };
const form = $('#filters');
let body, loads = 0;

const day = (text, days = 0) => { const [year, month, date_] = text.split('-').map(Number); return new Date(year, month - 1, date_ + days).getTime() / 1000; };
const asDay = seconds => { const at = new Date(seconds * 1000), two = number => String(number).padStart(2, '0'); return Number.isNaN(at.getTime()) ? '' : `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`; };

/** The filters as the API takes them, which is how they stand in the address, too; days are those of the reader. */
function asked() {
  const found = new URLSearchParams();
  for (const { name, value } of form.elements) {
    const text = value.trim();
    if (name && text) found.set(name, name === 'from' ? day(text) : name === 'to' ? day(text, 1) : text); // until the next day begins
  }
  return found;
}

/** The form as the address has it. */
function read() {
  const given = new URLSearchParams(location.search);
  for (const el of form.elements) if (el.name) el.value = !given.get(el.name) ? '' : el.name === 'from' ? asDay(given.get('from')) : el.name === 'to' ? asDay(given.get('to') - 1) : given.get(el.name);
}

/** Keep the filters in the address, so that it can be shared, loaded again and gone back to. */
function remember() {
  const query = asked().toString();
  if (query !== location.search.slice(1)) history.pushState(null, '', `${location.pathname}${query && `?${query}`}`);
}

function details(entry) {
  const lines = [['When', date(entry.timestamp)], ['Who', entry.username || 'not signed in'], ['Action', entry.action], ['Resource', `${entry.resource_type} ${entry.resource_id}`], ['Address', entry.ip_address], ['Browser', entry.user_agent]];
  dialog(`Entry ${entry.id}`, h('div', { class: 'dialog-body' }, h('dl', { class: 'facts' }, lines.filter(([, text]) => text.trim()).map(([name, text]) => [h('dt', {}, name), h('dd', {}, text)])),
    h('pre', { class: 'listing', tabindex: '0', 'aria-label': 'Details' }, JSON.stringify(entry.details, null, 2))), { wide: true });
}

const row = entry => h('tr', {}, h('td', { class: 'dim', title: date(entry.timestamp) }, ago(entry.timestamp)), h('td', {}, h('b', {}, entry.username || '–')), h('td', { class: 'mono' }, entry.action), h('td', { class: 'name', title: entry.resource_id }, `${entry.resource_type} ${entry.resource_id}`),
  h('td', { class: 'mono dim' }, entry.ip_address), h('td', {}, button('Details', { kind: 'sm ghost', 'aria-label': `Details of entry ${entry.id}`, onclick: () => details(entry) })));

async function page(cursor) {
  const query = asked(), mine = cursor ? loads : ++loads;
  query.set('limit', PAGE);
  if (cursor) query.set('cursor', cursor);
  const { entries, next_cursor } = await get(`/admin/audit?${query}`);
  if (mine !== loads) return; // other filters have been set since
  if (!cursor) {
    body = h('tbody');
    fill($('#entries'), entries.length ? h('table', { class: 'list' }, h('thead', {}, h('tr', {}, ['When', 'Who', 'Action', 'Resource', 'Address'].map(text => h('th', {}, text)), h('th', {}, h('span', { class: 'sr' }, 'Details')))), body)
      : empty('scroll-text', 'Nothing found', 'No entry matches these filters.', button('Clear filters', { icon: 'x', onclick: () => { for (const el of form.elements) if (el.name) el.value = ''; filter(); } }))).removeAttribute('aria-busy');
  }
  const added = entries.map(row);
  body.append(...added);
  if (cursor) $('button', added[0])?.focus(); // whoever asked for them reads on there
  $('#more').hidden = !next_cursor;
  fill($('#more'), button('Older entries', { onclick: event => act(() => page(next_cursor), event.currentTarget) }));
}

/** Where there were too many requests lately the file waits for its next part. */
async function waited(problem) {
  if (problem.code !== 'rate_limited') throw problem;
  await new Promise(resolve => { setTimeout(resolve, problem.wait * 1000); });
}

/** All entries that fit as one file, fetched page by page. */
async function download(kind) {
  const parts = [], query = asked();
  query.set('format', kind);
  query.set('limit', MOST);
  let cursor;
  do {
    const answer = await send('GET', `/admin/audit?${query}`).catch(waited);
    if (!answer) continue;
    const text = await answer.text();
    parts.push(new Blob([kind === 'csv' && parts.length ? text.slice(text.indexOf('\n') + 1) : text])); // the names of the columns stand there once; a browser keeps large blobs on its disk
    cursor = answer.headers.get('X-Next-Cursor');
    query.set('cursor', cursor ?? '');
  } while (cursor !== null);
  save(new Blob(parts, { type: KINDS[kind] }), `audit.${kind}`);
}

function filter() {
  remember();
  return act(() => page());
}

form.addEventListener('submit', event => { event.preventDefault(); filter(); });
addEventListener('popstate', () => { read(); act(() => page()); });
for (const kind of Object.keys(KINDS)) $(`#${kind}`).addEventListener('click', event => act(() => download(kind), event.currentTarget));
$('#verify').addEventListener('click', event => act(async () => {
  const { ok, count, first_bad_id, reason } = await get('/admin/audit/verify');
  if (ok) toast(`The chain is unbroken: ${plural(count, 'entry', 'entries')} checked.`);
  else toast(`Entry ${first_bad_id} does not follow from the one before: ${reason}`, { kind: 'error' });
}, event.currentTarget));
read();
begin(() => page(), $('#entries'));
