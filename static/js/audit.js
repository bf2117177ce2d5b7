// The audit log: filtered, page by page, with the details of each entry.
import { CENV, get } from './api.js';
import { $, button, empty, fill, h } from './dom.js';
import { ago, date, num } from './format.js';
import { act, dialog, toast } from './ui.js';

const PAGE = 50;
const form = $('#filters');
let body;

/** The filters as the API takes them; days are those of the reader. */
function asked() {
  const found = new URLSearchParams();
  for (const { name, value } of form.elements) {
    if (!name || !value.trim()) continue;
    const day = name === 'from' || name === 'to' ? new Date(`${value}T${name === 'to' ? '23:59:59' : '00:00:00'}`).getTime() / 1000 : value.trim();
    found.set(name, day);
  }
  return found;
}

function details(entry) {
  const lines = [['When', date(entry.timestamp)], ['Who', entry.username || 'not signed in'], ['Action', entry.action], ['Resource', `${entry.resource_type} ${entry.resource_id}`], ['Address', entry.ip_address], ['Browser', entry.user_agent]];
  dialog(`Entry ${entry.id}`, h('div', { class: 'dialog-body' }, h('dl', { class: 'facts' }, lines.filter(([, text]) => text.trim()).map(([name, text]) => [h('dt', {}, name), h('dd', {}, text)])),
    h('pre', { class: 'listing', tabindex: '0', 'aria-label': 'Details' }, JSON.stringify(entry.details, null, 2))), { wide: true });
}

const row = entry => h('tr', {}, h('td', { class: 'dim', title: date(entry.timestamp) }, ago(entry.timestamp)), h('td', {}, h('b', {}, entry.username || '–')), h('td', { class: 'mono' }, entry.action), h('td', {}, `${entry.resource_type} ${entry.resource_id}`),
  h('td', { class: 'mono dim' }, entry.ip_address), h('td', {}, button('Details', { kind: 'sm ghost', 'aria-label': `Details of entry ${entry.id}`, onclick: () => details(entry) })));

async function page(cursor) {
  const query = asked();
  query.set('limit', PAGE);
  if (cursor) query.set('cursor', cursor);
  const { entries, next_cursor } = await get(`/admin/audit?${query}`);
  if (!cursor) {
    body = h('tbody');
    fill($('#entries'), entries.length ? h('table', { class: 'list' }, h('thead', {}, h('tr', {}, ['When', 'Who', 'Action', 'Resource', 'Address'].map(text => h('th', {}, text)), h('th', {}, h('span', { class: 'sr' }, 'Details')))), body)
      : empty('scroll-text', 'Nothing found', 'No entry fits these filters.')).removeAttribute('aria-busy');
  }
  body.append(...entries.map(row));
  $('#more').hidden = !next_cursor;
  fill($('#more'), button('Older entries', { onclick: event => act(() => page(next_cursor), event.currentTarget) }));
}

function links() {
  for (const kind of ['csv', 'ndjson']) {
    const query = asked();
    query.set('format', kind);
    query.set('limit', 1000);
    $(`#${kind}`).href = `${CENV}/admin/audit?${query}`;
    $(`#${kind}`).download = `audit.${kind}`;
  }
}

form.addEventListener('submit', event => { event.preventDefault(); links(); act(() => page()); });
$('#verify').addEventListener('click', event => act(async () => {
  const { ok, count, first_bad_id, reason } = await get('/admin/audit/verify');
  if (ok) toast(`All ${num(count)} entries follow from one another.`);
  else toast(`Entry ${first_bad_id} does not follow from the one before: ${reason}`, { kind: 'error' });
}, event.currentTarget));
links();
act(() => page());
