// Beside the editor: the schema, saved statements and the history.
import { del, get } from './api.js';
import { $, $$, chooseTab, empty, fill, h, icon, iconButton, noTables } from './dom.js';
import { ago, date, duration, num } from './format.js';
import { act, confirm, narrow, toast } from './ui.js';

const state = { kind: 'schema', tables: [], history: [], saved: [] }, unfolded = new Set();
export const known = state;
let hooks;

const typeIcon = column => (column.primary_key ? ['key-round', 'pk'] : /INT|REAL|NUM|DEC|FLO|DOUB/i.test(column.type) ? ['hash'] : /DATE|TIME/i.test(column.type) ? ['calendar'] : /BLOB/i.test(column.type) ? ['binary'] : ['type']);
const matches = (...texts) => texts.some(text => text.toLowerCase().includes($('#filter').value.toLowerCase().trim()));

function tableItem(table) {
  const all = matches(table.name), columns = table.columns.filter(column => all || matches(column.name));
  const asked = Boolean($('#filter').value.trim()), fold = ({ target }) => { if (asked) return; if (target.open) unfolded.add(table.name); else unfolded.delete(table.name); };
  return h('details', { open: asked ? !all : unfolded.has(table.name), ontoggle: fold }, h('summary', {}, icon('chevron-right', 'chev'), icon(table.type === 'view' ? 'eye' : 'table-2'), h('span', {}, table.name), h('em', {}, num(table.columns.length))),
    h('ul', {}, h('li', {}, h('button', { type: 'button', onclick: () => hooks.open(`SELECT * FROM ${hooks.name(table.name)} LIMIT 100;`, table.name, true) }, icon('play', 'fk'), h('span', {}, 'Show rows'))), h('li', {}, h('button', { type: 'button', onclick: () => hooks.build(table.name) }, icon('table-columns-split', 'fk'), h('span', {}, 'Build a query'))),
      columns.map(column => h('li', {}, h('button', { type: 'button', title: `Insert ${column.name}`, onclick: () => hooks.insert(hooks.name(column.name)) }, icon(...typeIcon(column)), h('span', {}, column.name), h('em', {}, column.type.toLowerCase()))))));
}

function schema() {
  const found = state.tables.filter(table => matches(table.name) || table.columns.some(column => matches(column.name)));
  if (!state.tables.length) return noTables('Create the first one: CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT).', h('button', { type: 'button', class: 'btn sm', onclick: () => hooks.open('CREATE TABLE notes (\n  id INTEGER PRIMARY KEY,\n  text TEXT NOT NULL,\n  created_at TEXT DEFAULT CURRENT_TIMESTAMP\n);', 'New table') }, 'Write it for me'));
  return [['Tables', found.filter(table => table.type !== 'view')], ['Views', found.filter(table => table.type === 'view')]].filter(([, list]) => list.length).flatMap(([title, list]) => [h('h2', {}, title, h('em', {}, num(list.length))), ...list.map(tableItem)]);
}

const remembered = (lead, text, side, title, onclick, ...more) => h('div', { class: 'remembered' }, h('button', { type: 'button', title, onclick }, lead, h('code', {}, text), h('small', {}, side)), more);

function saved() {
  const found = state.saved.filter(item => matches(item.name, item.sql));
  if (!state.saved.length) return empty('save', 'Nothing saved', 'Ctrl S saves a statement under a name, for you alone.');
  return found.map(item => remembered(icon('file-code-2'), item.name, ago(item.modified_at), item.sql, () => hooks.open(item.sql, item.name), iconButton(`Delete ${item.name}`, 'trash-2', { kind: 'ghost sm', onclick: () => act(async () => {
    if (!await confirm({ title: `Delete the saved statement ${item.name}`, text: 'It is gone for good.', action: `Delete ${item.name}` })) return;
    await del(`/console/saved/${item.id}`);
    state.saved = state.saved.filter(other => other !== item);
    draw();
  }) })));
}

function history() {
  const found = state.history.filter(item => matches(item.sql));
  if (!state.history.length) return empty('history', 'Nothing yet', 'The last 200 statements that you run here are kept for you.');
  return [h('h2', {}, 'Recent statements', h('button', { type: 'button', class: 'more', onclick: () => act(async () => {
    if (!await confirm({ title: 'Clear the history', text: 'The list of statements that you ran is emptied; saved ones stay.', action: 'Clear the history' })) return;
    await del('/console/history');
    state.history = [];
    draw();
    toast('The history is empty.');
  }) }, 'Clear')), ...found.map(item => remembered(icon(item.error ? 'circle-x' : 'circle-check', item.error ? 'bad' : 'good'), item.sql.replaceAll(/\s+/g, ' '), item.duration_ms === null ? ago(item.created_at) : duration(item.duration_ms), `${date(item.created_at)}\n${item.error ?? `${item.row_count} rows`}\n\n${item.sql}`, () => hooks.open(item.sql, 'History')))];
}

export function draw() {
  fill($('#side-list'), { schema, saved, history }[state.kind]()).removeAttribute('aria-busy');
}

/** Read the schema again, as after a statement that changed it. */
export async function refreshSchema() {
  state.tables = (await get('/tables', { quiet: true })).tables;
  if (state.kind === 'schema') draw();
}

/** Begin; `open(sql, name, run)`, `build(table)`, `insert(text)` and `name(text)` are the console's. */
export async function start(given) {
  hooks = given;
  for (const tab of $$('[data-side]')) tab.addEventListener('click', () => {
    state.kind = tab.dataset.side;
    chooseTab($$('[data-side]'), other => other === tab);
    draw();
  });
  narrow($('#filter'), draw, '#side-list :is(summary, .remembered)');
  const [{ history: past, saved: kept }] = await Promise.all([get('/console'), refreshSchema()]);
  Object.assign(state, { history: past, saved: kept });
  draw();
}
