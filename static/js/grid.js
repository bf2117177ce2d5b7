// A table of values: sorting, a cursor that keys move, copying, values too long for a cell in a window of their own.
import { save } from './api.js';
import { blobSize } from './cells.js';
import { button, fill, h, icon } from './dom.js';
import { bytes, num } from './format.js';
import { copy, dialog } from './ui.js';

const PAGE = 300, LONG = 300, SHOWN_BYTES = 3072; // three bytes are four characters
const ICONS = { number: 'hash', date: 'calendar', text: 'type', blob: 'binary' };

/** What most values of a column are: number, date, blob or text. */
export function kindOf(values) {
  const some = values.filter(value => value !== null).slice(0, 200);
  if (!some.length) return 'text';
  if (some.every(value => typeof value === 'number')) return 'number';
  if (some.every(value => typeof value === 'string' && /^\d{4}-\d{2}(-\d{2}([T ].*)?)?$/.test(value))) return 'date';
  return some.every(value => value?.$base64 !== undefined) ? 'blob' : 'text';
}

/** A value as a text to copy. */
export const plain = value => (value === null ? '' : typeof value === 'object' ? value.$base64 : String(value));

/** A value as it stands in a cell. */
export function show(value) {
  if (value === null) return h('i', { class: 'null' }, 'NULL');
  if (typeof value === 'object') return h('i', { class: 'null' }, `BLOB ${bytes(blobSize(value))}`);
  const text = String(value);
  return text.length > LONG ? text.slice(0, LONG) + '…' : text;
}

const ENDINGS = [[/^%PDF-/, 'pdf']];
const PICTURES = [[/^\x89PNG/, 'png'], [/^\xff\xd8/, 'jpeg'], [/^GIF8/, 'gif'], [/^RIFF....WEBP/s, 'webp']];

/** A BLOB as a picture, or its first bytes in hexadecimal; it can be taken away whole. */
function blob(name, value) {
  const size = blobSize(value), head = atob(value.$base64.slice(0, 16)), type = PICTURES.find(([pattern]) => pattern.test(head))?.[1];
  const told = h('span', { class: 'dim' }, type ? `${type.toUpperCase()}, ${bytes(size)}` : size > SHOWN_BYTES ? `The first ${num(SHOWN_BYTES)} of ${num(size)} bytes` : bytes(size));
  const hex = () => h('pre', { class: 'listing', tabindex: '0', 'aria-label': 'Value' }, [...atob(value.$base64.slice(0, SHOWN_BYTES * 4 / 3))].map((byte, i) => byte.charCodeAt(0).toString(16).padStart(2, '0') + (i % 16 === 15 ? '\n' : ' ')).join(''));
  const picture = type && h('img', { class: 'blob', alt: `Picture in ${name}`, src: `data:image/${type};base64,${value.$base64}`, onerror: () => { picture.replaceWith(hex()); told.textContent = `${bytes(size)}, not a complete picture`; } });
  const download = () => save(new Blob([Uint8Array.from(atob(value.$base64), byte => byte.charCodeAt(0))]), `${name}.${type ?? ENDINGS.find(([pattern]) => pattern.test(head))?.[1] ?? 'bin'}`);
  return h('div', { class: 'stack' }, h('div', { class: 'in-row' }, told, button('Download', { icon: 'download', kind: 'sm', onclick: download })), picture || hex());
}

/** The whole value: JSON laid out, pictures shown, other BLOBs in hexadecimal. */
export function content(name, value) {
  if (value?.$base64 === undefined) {
    let text = plain(value);
    try { const parsed = JSON.parse(text); if (typeof parsed === 'object' && parsed) text = JSON.stringify(parsed, null, 2); } catch { /* no JSON: shown as it is */ }
    return h('pre', { class: 'listing wrapped', tabindex: '0', 'aria-label': 'Value' }, value === null ? 'NULL' : text);
  }
  return blob(name, value);
}

/** A window with the whole value. */
export function openValue(name, value) {
  dialog(name, h('div', { class: 'dialog-body' }, content(name, value), h('div', {}, button('Copy', { icon: 'copy', onclick: () => copy(plain(value), 'The value') }))), { wide: true });
}

/** The names with _2, _3… on later ones of the same, as the server has them, so that an object for each row loses no column. */
export function unique(names) {
  const taken = new Set(names), seen = new Set();
  return names.map(name => {
    let fresh = name;
    for (let i = 2; seen.has(fresh) || (fresh !== name && taken.has(fresh)); i += 1) fresh = `${name}_${i}`;
    seen.add(fresh);
    return fresh;
  });
}

// A spreadsheet runs what begins so, as in a file of CSV.
const inert = value => plain(value).replaceAll(/[\t\n\r]/g, ' ').replace(typeof value === 'string' ? /^(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/ : /(?!)/, "'");
/** Rows as texts with tabs, as spreadsheets take them. */
export const tsv = (columns, rows) => [columns, ...rows].map(row => row.map(inert).join('\t')).join('\n');

/** Compare two values as SQLite orders them: NULL, numbers, texts. */
export function compare(a, b) {
  const rank = value => (value === null ? 0 : typeof value === 'number' ? 1 : 2);
  return rank(a) - rank(b) || (a === null ? 0 : typeof a === 'number' ? a - b : plain(a) < plain(b) ? -1 : plain(a) > plain(b) ? 1 : 0);
}

/**
 * Fill `box` with rows. `sort` {column, down} and `onsort(column, down)` hand sorting over; without them the grid sorts what it has.
 * `cell(value, row, column)` may answer its own content, `onopen(value, row, column)` replaces the window of Enter and double click, `lead(row)` puts a cell before each row.
 */
export function grid(box, { columns, rows, kinds, sort, onsort, cell, onopen, lead, label = 'Rows', first = 1 }) {
  const types = kinds ?? columns.map((_, i) => kindOf(rows.map(row => row[i])));
  let order = sort ?? null, shown = [...rows], count = 0;
  const body = h('tbody'), more = button('', { kind: 'sm', onclick: () => { const from = count; add(); select(body.querySelector(`[data-at="${from},0"]`)); } });
  const heads = columns.map((name, i) => h('th', { scope: 'col', class: types[i] === 'number' && 'n', 'aria-sort': 'none' },
    h('button', { type: 'button', title: `Sort by ${name}`, onclick: () => sortBy(i) }, icon(ICONS[types[i]] ?? 'type'), h('span', {}, name), h('span', { class: 'sorted' }))));
  const table = h('table', { class: 'grid', role: 'grid', 'aria-label': label }, h('thead', {}, h('tr', {}, lead && h('th', { class: 'rn' }, h('span', { class: 'sr' }, 'Choose')), h('th', { class: 'rn', scope: 'col' }, '#'), heads)), body);

  function add() {
    const next = shown.slice(count, count + PAGE);
    body.append(...next.map((row, at) => h('tr', {}, lead && h('td', { class: 'rn' }, lead(row)), h('th', { class: 'rn', scope: 'row' }, String(first + count + at)), row.slice(0, columns.length).map((value, i) => h('td', { class: types[i] === 'number' && 'n', tabindex: '-1', dataset: { at: `${count + at},${i}` }, title: typeof value === 'string' && value.length > 40 && value.slice(0, LONG) }, cell?.(value, row, i) ?? show(value))))));
    count += next.length;
    more.hidden = count >= shown.length;
    fill(more, `Show ${Math.min(PAGE, shown.length - count)} more of ${shown.length}`);
  }
  function draw() {
    heads.forEach((th, i) => { th.setAttribute('aria-sort', order?.column === i ? (order.down ? 'descending' : 'ascending') : 'none'); fill(th.querySelector('.sorted'), order?.column === i && icon(order.down ? 'chevron-down' : 'arrow-up')); });
    count = 0;
    body.replaceChildren();
    add();
    body.querySelector('td[data-at]')?.setAttribute('tabindex', '0');
  }
  function sortBy(i) {
    const down = order?.column === i && !order.down;
    if (onsort) { onsort(i, down); return; }
    order = { column: i, down };
    shown.sort((a, b) => compare(a[i], b[i]) * (down ? -1 : 1));
    draw();
  }
  const place = td => td.dataset.at.split(',').map(Number);
  /** The cell has the focus, so that it is read out; Tab comes back to it. */
  const select = td => {
    for (const old of body.querySelectorAll('.sel, td[tabindex="0"]')) { old.classList.remove('sel'); old.tabIndex = -1; }
    td.classList.add('sel');
    td.tabIndex = 0;
    td.focus({ preventScroll: true });
    td.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  };
  const open = td => { const [r, c] = place(td); if (onopen) onopen(shown[r][c], shown[r], c, td); else openValue(columns[c], shown[r][c]); };
  body.addEventListener('click', event => { const td = event.target.closest('td[data-at]'); if (td && !event.target.closest('a, button, input')) select(td); });
  body.addEventListener('dblclick', event => { const td = event.target.closest('td[data-at]'); if (td) open(td); });
  body.addEventListener('focusin', event => { if (event.target.matches('td[data-at]:not(.sel)')) select(event.target); });
  body.addEventListener('keydown', event => {
    const at = event.target;
    if (!at.matches('td[data-at]')) return;
    const [r, c] = place(at), step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -c], End: [0, columns.length - 1 - c] }[event.key];
    if (step) {
      event.preventDefault();
      const next = body.querySelector(`[data-at="${r + step[0]},${c + step[1]}"]`);
      if (next) select(next);
    }
    if (event.key === 'Enter' || event.key === ' ' || event.key === 'F2') { event.preventDefault(); open(at); }
    if ((event.ctrlKey || event.metaKey) && event.key === 'c' && !getSelection().toString()) copy(plain(shown[r][c]), 'The value');
  });
  box.setAttribute('role', 'region');
  box.setAttribute('aria-label', label);
  draw();
  fill(box, table, h('div', { class: 'more-rows' }, more));
  return { table, types, rows: () => shown };
}
