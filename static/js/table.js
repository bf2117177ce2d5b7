// One table: its rows page by page, sorted and filtered, edited in place.
import { CENV, Problem, get, ident, query, save, send, writeOnce } from './api.js';
import { editCell } from './cell-edit.js';
import { blobSize, condition, exactly, isBlob, isLarge, isNumeric, misfit, oddFilter, shown, typed } from './cells.js';
import { deleteRows } from './deletion.js';
import { $, button, debounce, decoded, empty, fill, h, icon } from './dom.js';
import { canComeBack, isForBytes, lean, mayHoldBytes, putFile } from './files.js';
import { bytes, num, plural } from './format.js';
import { content, plain } from './grid.js';
import { insertRow } from './insert.js';
import { nameReference, nameReferring } from './references.js';
import { structure } from './structure.js';
import { act, begin, confirm, dialog, formDialog, toast } from './ui.js';

const PAGE = 100, IN_VIEW = 40, LAST = 1e12; // a page behind every table's last one, whose rows can still be counted
const name = decoded(location.pathname.slice(`${CENV}/data/`.length));
const asked = new URLSearchParams(location.search);
let table, rows = [], more = false, page = Math.min(Math.max(Math.trunc(Number(asked.get('page'))), 0) || 0, LAST), sort = asked.get('sort') ?? '', search = asked.get('search') ?? '';
const filters = new Map([...asked].filter(([key]) => key.startsWith('f.')).map(([key, text]) => [key.slice(2), text]));
const chosen = new Set(), open = new Set(); // rows to delete; cells in which somebody types
let drawn = 0, loads = 0, at = 0, late = false, counted = ''; // the page that is shown; whether it waits for the open cells

const column = wanted => table.columns.find(item => item.name === wanted);
const key = () => (table.rowid ? [table.rowid] : table.key); // a rowid stands behind the columns of its row
// -x in the address is x from its end; a name that begins with a sign has a + before it there.
const sorting = text => { const [, sign, by] = /^([-+]?)(.*)$/s.exec(text); return { by, down: sign === '-' }; };
const sorted = (by, down) => `${down ? '-' : /^[-+]/.test(by) ? '+' : ''}${by}`;
const mayEdit = () => table.type === 'table' && table.can_write && key().length > 0;
const mayDelete = () => table.type === 'table' && table.can_delete && key().length > 0;
const valueOf = (row, wanted) => row.at(table.columns.findIndex(item => item.name === wanted));
const whereKey = () => key().map(part => `${ident(part)} IS ?`).join(' AND ');
const keyOf = row => key().map(part => valueOf(row, part));

/** WHERE and its parameters out of filters and search. */
function where() {
  const parts = [], params = [];
  const add = ([sql, values]) => { parts.push(sql); params.push(...values); };
  for (const [key, text] of filters) if (column(key)) add(condition(ident(key), text, column(key).type));
  if (search) {
    const each = table.columns.map(item => condition(ident(item.name), search, ''));
    add([`(${each.map(([sql]) => sql).join(' OR ')})`, each.flatMap(([, values]) => values)]);
  }
  return [parts.length ? ` WHERE ${parts.join(' AND ')}` : '', params];
}

function order() {
  const { by, down } = sorting(sort);
  if (by && column(by)) return ` ORDER BY ${ident(by)}${down ? ' DESC' : ''}${key().map(part => `, ${ident(part)}`).join('')}`;
  return key().length ? ` ORDER BY ${key().map(ident).join(', ')}` : '';
}

// A view that does not work has no columns; asked for all, it says why.
const select = columns => `SELECT ${columns.join(', ') || '*'} FROM ${ident(table.name)}${where()[0]}${order()}`;

/** Keep the view in the address, so that it can be shared and the browser's Back goes back. */
function remember() {
  const now = new URLSearchParams();
  if (page) now.set('page', page);
  if (sort) now.set('sort', sort);
  if (search) now.set('search', search);
  for (const [key, text] of filters) now.set(`f.${key}`, text);
  history.replaceState(null, '', `${location.pathname}${now.size ? '?' + now : ''}`);
}

async function load() {
  const [condition_, params] = where(), mine = ++loads, light = lean(table, key());
  const found = await query(`${select([...light.columns, ...(table.rowid ? [ident(table.rowid)] : []), ...light.sizes])} LIMIT ${PAGE + 1} OFFSET ${page * PAGE}`, params, { max_rows: PAGE + 1 });
  if (mine !== loads) return; // what was asked for since is already on its way
  late = open.size > 0; // drawing now would end an edit in the middle
  if (late) return;
  const count = async () => (await query(`SELECT count(*) FROM ${ident(table.name)}${condition_}`, params)).rows[0][0];
  if (page && !found.rows.length) { // there are fewer rows by now
    page = Math.max(Math.min(Math.ceil(await count() / PAGE), page) - 1, 0);
    if (mine === loads) await load();
    return;
  }
  more = found.rows.length > PAGE;
  rows = found.rows.slice(0, PAGE).map(light.row);
  at = page;
  chosen.clear();
  remember();
  body();
  const total = await count();
  if (mine !== loads) return;
  counted = total ? `${num(at * PAGE + 1)}–${num(at * PAGE + rows.length)} of ${plural(total, 'row')}` : 'No rows';
  tell();
}

const reload = () => act(async () => {
  if ($('#grid .cell-input[aria-invalid]')) toast('A cell has a value that is not saved. Correct it, or press Escape in it, to see the other rows.', { kind: 'error' });
  try { await load(); } catch (error) { page = at; throw error; }
});
const restart = () => { page = 0; return reload(); };

async function write(row, item, text) {
  const into = ident(item.name), old = valueOf(row, item.name), exact = typeof old === 'string' && /^-?\d{16,}$/.test(old) ? [] : [old]; // digits that stand for an integer are not what is there
  const same = old === null ? `(${into} IS ? OR ${into} IN (9e999, -9e999))` : `${into} IS ?`; // JSON has no infinite numbers
  const params = [text === null ? null : typed(text, typeof old === 'number' ? 'NUMERIC' : item.type), ...keyOf(row), ...exact];
  const { changes } = await writeOnce('/query', { sql: `UPDATE ${ident(table.name)} SET ${into} = ? WHERE ${whereKey()}${exact.length ? ` AND ${same}` : ''}`, params }).catch(error => { throw nameReference(error, table, [item.name]); });
  if (!changes) throw new Problem(409, { detail: 'This was changed or removed in the meantime, or is not yours to change. Escape shows what is there now.' });
  [row[table.columns.indexOf(item)]] = params;
}

const mayChange = (row, item) => mayEdit() && !item.generated && !isBlob(valueOf(row, item.name));

/** Turn a cell into an input, with what is there or with a text in its place. */
function edit(el, row, item, text) {
  if (!mayChange(row, item) || open.has(el)) return;
  open.add(el);
  editCell(el, { name: item.name, type: item.type, value: valueOf(row, item.name), text, nullable: !item.not_null && !item.primary_key && valueOf(row, item.name) !== null, write: typing => write(row, item, typing), leave: stale => leave(el, row, item, stale) });
}

/** Put a cell back. While somebody types in another one, only this one. */
function leave(el, row, item, stale) {
  open.delete(el);
  late ||= stale;
  if (open.size) el.replaceWith(cell(row, item)); else if (late) act(load).then(body); else body();
}

async function clear(row, item) {
  const value = valueOf(row, item.name);
  if (isBlob(value) && !await confirm({ title: `Set ${item.name} to NULL`, text: `The ${bytes(blobSize(value))} in it are gone for good. Download them first if somebody may need them.`, action: 'Set to NULL' })) return;
  await writeOnce('/query', { sql: `UPDATE ${ident(table.name)} SET ${ident(item.name)} = NULL WHERE ${whereKey()}`, params: keyOf(row) });
  await load();
}

async function put(row, item) {
  const done = await putFile({ table: table.name, item, value: valueOf(row, item.name), where: whereKey(), params: keyOf(row) });
  if (!done) return;
  toast(`${done.name} is saved in ${item.name}.`);
  await load();
}

/** A value whole, whose bytes did not come with its row. */
async function whole(row, item) {
  const [from, params] = key().length ? [` WHERE ${whereKey()}`, keyOf(row)] : [`${where()[0]}${order()} LIMIT 1 OFFSET ${at * PAGE + rows.indexOf(row)}`, where()[1]];
  const { rows: found } = await query(`SELECT ${ident(item.name)} FROM ${ident(table.name)}${from}`, params);
  if (!found.length) throw new Problem(404, { detail: 'This row is gone by now. Reload the page to see what is there.' });
  return found[0][0];
}

/** Say which rows are shown, and how many of them are chosen. */
function tell() {
  fill($('#count'), counted, chosen.size > 0 && `, ${num(chosen.size)} chosen`);
  $('#delete').hidden = !chosen.size;
}

/** The reference whose row a value of this column names. */
const leadOf = (item, value) => value !== null && !isBlob(value) && table.references.find(reference => reference.columns.length === 1 && reference.columns[0] === item.name);
/** A link to that row. Tab passes it by in a cell, or there would be hundreds of stops; the window with the whole value has it, too. */
const link = (lead, value, text, more) => h('a', { class: 'link', href: `${CENV}/data/${encodeURIComponent(lead.table)}?${new URLSearchParams({ [`f.${lead.to_columns[0]}`]: exactly(value) })}`, ...more }, text);

async function view(cell, row, item) {
  const value = valueOf(row, item.name), full = isLarge(value) ? await whole(row, item).catch(problem => problem) : value, lead = leadOf(item, value), leave = run => event => { event.currentTarget.closest('dialog').close(); run(); };
  dialog(`${item.name}`, h('div', { class: 'dialog-body' }, full instanceof Problem ? h('p', {}, full.message) : content(item.name, full), h('div', { class: 'abreast' },
    lead && link(lead, value, `Open this row of ${lead.table}`),
    mayChange(row, item) && button('Edit', { icon: 'pencil', kind: 'sm', onclick: leave(() => edit(cell, row, item)) }),
    mayEdit() && !item.generated && (isBlob(value) || mayHoldBytes(item)) && button('Choose a file', { icon: 'upload', kind: 'sm', onclick: leave(() => act(() => put(row, item))) }),
    mayEdit() && !item.generated && value !== null && button('Set to NULL', { kind: 'sm', disabled: item.not_null, onclick: leave(() => act(() => clear(row, item))) }))), { wide: true });
}

function cell(row, item) {
  const value = valueOf(row, item.name), lead = leadOf(item, value);
  const text = lead ? link(lead, value, shown(value), { title: `Open this row of ${lead.table}`, tabindex: '-1' }) : shown(value);
  const el = h('td', { class: typeof value === 'number' ? 'n' : '', tabindex: '-1' }, text);
  const look = () => act(() => view(el, row, item)), types = mayChange(row, item) && !(isForBytes(item) && value === null); // an empty place for bytes wants a file
  el.addEventListener('dblclick', () => (types && String(value ?? '').length < 200 ? edit(el, row, item) : look()));
  el.addEventListener('keydown', event => {
    if (event.target !== el) return;
    if (event.key === 'Enter' || event.key === 'F2') { event.preventDefault(); if (types) edit(el, row, item); else look(); }
    if (event.key === ' ') { event.preventDefault(); look(); }
  });
  el.addEventListener('copy', event => { if (event.target === el && !String(getSelection())) { event.preventDefault(); if (isLarge(value)) { toast('Bytes as many as these are not copied. Open the value to download them.', { kind: 'error' }); return; } event.clipboardData.setData('text/plain', plain(value)); toast('The value is on the clipboard.'); } });
  el.addEventListener('paste', event => { if (event.target === el) { event.preventDefault(); edit(el, row, item, event.clipboardData.getData('text/plain')); } });
  return el;
}

function line(row, i) {
  const number = at * PAGE + i + 1;
  const box = mayDelete() && h('input', { type: 'checkbox', tabindex: '-1', 'aria-label': `Select row ${number}`, checked: chosen.has(row), onchange: event => { if (event.target.checked) chosen.add(row); else chosen.delete(row); tell(); } });
  return h('tr', {}, h('td', { class: 'rn' }, box || String(number)), table.columns.map(item => cell(row, item)));
}

/** What of a cell takes the focus: the box that chooses its row, or the cell itself. */
const stop = cell => (cell?.classList.contains('rn') ? $('input', cell) : cell);

function body() {
  const old = $('#grid tbody'), held = document.activeElement.closest('#grid tbody td');
  if (!old) return;
  const place = held && [held.parentElement.sectionRowIndex, held.cellIndex]; // whoever walks by keys stays where he was
  const soon = place ? rows.length : IN_VIEW, mine = ++drawn;
  fill(old, rows.slice(0, soon).map(line));
  if (rows.length > soon) setTimeout(() => { if (mine === drawn) old.append(...rows.slice(soon).map((row, i) => line(row, soon + i))); }); // when those in view are drawn
  $('#nothing')?.remove();
  if (!rows.length) $('#grid').append(h('div', { id: 'nothing' }, filters.size || search ? empty('list-filter', 'No row matches', 'Change the filters, or clear them.') : empty('rows-3', 'No rows yet', table.can_write ? 'Insert the first one, or load a file.' : 'Rows that you may see appear here.')));
  const first = (place && stop(old.rows[Math.min(place[0], rows.length - 1)]?.cells[place[1]])) ?? $('tbody td:not(.rn)');
  first?.setAttribute('tabindex', '0');
  if (place) first?.focus();
  const pressed = document.activeElement;
  $('#back').disabled = !at;
  $('#next').disabled = !more;
  $('#clear').hidden = !filters.size && !search;
  tell();
  if (pressed.disabled || pressed.hidden) $('#count').focus();
}

function head() {
  const title = item => {
    const { by, down } = sorting(sort), on = by === item.name, key = table.key.includes(item.name);
    return h('th', { scope: 'col', 'aria-sort': on ? (down ? 'descending' : 'ascending') : 'none' }, h('button', { type: 'button', title: [item.type, key && 'key'].filter(Boolean).join(', '), onclick: () => { sort = on && down ? '' : sorted(item.name, on); head(); restart(); } }, key && icon('key-round', 'pk'), item.name, on && icon(down ? 'arrow-down' : 'arrow-up')));
  };
  const box = item => {
    const told = h('p', { class: 'filter-error', role: 'alert', id: `filter-error-${table.columns.indexOf(item)}` }), input = h('input', { class: 'cell-filter', value: filters.get(item.name) ?? '', size: '8', placeholder: 'filter', 'aria-label': `Filter ${item.name}: part of the value, = 5, > 3, null`, title: 'Part of the value, = 5, > 3, null, not null',
      oninput: debounce(() => { const text = input.value.trim(); if (text) filters.set(item.name, text); else filters.delete(item.name); judge(); restart(); }) });
    const judge = () => { told.textContent = oddFilter(input.value, item.type) ?? ''; told.hidden = !told.textContent; for (const [key, value] of [['aria-invalid', 'true'], ['aria-describedby', told.id]]) if (told.hidden) input.removeAttribute(key); else input.setAttribute(key, value); };
    judge();
    return h('td', {}, input, told);
  };
  const top = [h('tr', {}, h('th', { class: 'rn' }, h('span', { class: 'sr' }, 'Row')), table.columns.map(title)), h('tr', { class: 'filter-row' }, h('td', { class: 'rn' }), table.columns.map(box))];
  const old = $('#grid table');
  if (old) fill($('thead', old), top); else fill($('#grid'), h('table', { class: 'grid', role: 'grid', 'aria-label': `Rows of ${table.name}`, 'aria-describedby': 'keys' }, h('thead', {}, top), h('tbody'))).removeAttribute('aria-busy');
}

async function insert() {
  if (!await insertRow(table)) return;
  toast(`Row inserted into ${table.name}.`);
  await load();
}

/** Delete the chosen rows in one transaction; Undo inserts them again as they were. */
async function remove() {
  const gone = [...chosen], columns = table.columns.filter(item => !item.generated).map(item => item.name), undo = table.can_write && canComeBack(gone);
  if (!await confirm({ title: `Delete ${plural(gone.length, 'row')} of ${table.name}`, text: undo ? 'Undo will bring them back, but not the rows that refer to them and are deleted or changed with them.' : `${table.can_write ? 'So many bytes are in them that Undo cannot bring them back. ' : ''}Rows that refer to them may be deleted or changed with them.`, action: 'Delete' })) return;
  const { count, restore } = await deleteRows({ table: table.name, rows: gone, where: whereKey(), keyOf, columns, valueOf, rowid: table.rowid, undo }).catch(async error => { throw await nameReferring(error, table); });
  const hold = () => { if (document.activeElement === document.body) $('#count').focus(); }; // the button is not there any more; two steps from here is Undo
  // Where the rows did not come back, for want of a connection perhaps, it can be tried again.
  const offer = (text, kind) => toast(text, { kind, action: count && undo ? { label: 'Undo', run: () => act(async () => {
    try { await restore(); } catch (error) { if (error instanceof Problem) offer(error.message, 'error'); else throw error; return; }
    await load();
    hold();
  }) } : undefined });
  offer(count === gone.length ? `${plural(count, 'row')} deleted.` : `${num(count)} of ${plural(gone.length, 'row')} deleted: the others are gone already, or not yours to delete.`);
  await load();
  hold();
}

async function download() {
  const kinds = { csv: 'text/csv', ndjson: 'application/x-ndjson', json: 'application/json' };
  const { kind } = await formDialog({ title: `Export ${table.name}`, action: 'Export', text: 'All rows that match the filters, up to the limit of this cenv.', fields: [{ name: 'kind', label: 'As', options: [['csv', 'CSV'], ['ndjson', 'NDJSON, one row per line'], ['json', 'JSON']] }], submit: given => given }) ?? {};
  if (!kind) return;
  const answer = await send('POST', '/query', { sql: select(table.columns.map(item => ident(item.name))), params: where()[1] }, { accept: kinds[kind] });
  save(await answer.blob(), `${table.name}.${kind}`);
  if (answer.headers.get('X-Truncated') === 'true') toast('There are more rows than this cenv returns at once (query_max_rows).', { kind: 'error' });
}

const STEPS = { ArrowUp: () => [-1, 0], ArrowDown: () => [1, 0], ArrowLeft: () => [0, -1], ArrowRight: () => [0, 1], Home: cell => [0, 1 - cell.cellIndex], End: cell => [0, table.columns.length - cell.cellIndex] };
/** Keys walk over the cells, which are one stop of Tab together. */
$('#grid').addEventListener('keydown', event => {
  const at = event.target.closest('tbody td'), step = at && event.target === stop(at) && STEPS[event.key]?.(at);
  if (!step || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
  const next = stop(at.parentElement.parentElement.rows[at.parentElement.sectionRowIndex + step[0]]?.cells[at.cellIndex + step[1]]);
  if (next) { event.preventDefault(); event.target.tabIndex = -1; next.tabIndex = 0; next.focus(); }
});
$('#insert').addEventListener('click', () => act(insert));
$('#delete').addEventListener('click', () => act(remove));
$('#query').href = `${CENV}/console?${new URLSearchParams({ build: name })}`;
$('#columns').addEventListener('click', () => structure(table));
$('#export').addEventListener('click', () => act(download));
$('#back').addEventListener('click', () => { page = Math.max(page - 1, 0); reload(); });
$('#next').addEventListener('click', () => { page += 1; reload(); });
$('#clear').addEventListener('click', () => { filters.clear(); search = ''; $('#search').value = ''; head(); restart(); });
$('#search').value = search;
$('#search').addEventListener('input', debounce(() => { search = $('#search').value.trim(); restart(); }));

addEventListener('beforeunload', event => { if (open.size) event.preventDefault(); });

/** What the page is about, as its head, in the path and as its title. */
function call(text) {
  $('#name').textContent = $('#name').title = $('#crumb').textContent = text;
  document.title = `${text} · ${document.title.split(' · ').slice(1).join(' · ')}`;
}

call(name);
begin(async () => {
  try { table = await get(`/data/${encodeURIComponent(name)}`); } catch (error) {
    if (error.status === 404) {
      for (const el of [...$('.bar').children, $('.pager')]) el.hidden = el.id !== 'name';
      $('.bar').inert = false;
      fill($('#grid'), empty('table-2', 'No such table', `There is no table called ${name} here, or you may not see it.`)).removeAttribute('aria-busy');
      return;
    }
    throw error;
  }
  $('.bar').inert = false; // its controls are about the table
  call(table.name);
  fill($('#kind'), table.type === 'table' ? (key().length ? (table.can_write ? `${matchMedia('(pointer: coarse)').matches ? 'double tap' : 'Enter or double click'} to edit` : 'read only') : 'no key: read only') : table.type);
  $('#insert').hidden = table.type === 'view' || !table.can_write;
  if (!table.can_read) { fill($('#grid'), empty('lock', 'You may not read this table', 'Ask an administrator of this cenv for permission.')).removeAttribute('aria-busy'); return; }
  head();
  await load();
}, $('#grid'));
