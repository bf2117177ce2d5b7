// A query put together by choosing: tables along their references, columns, summaries, conditions, order. The SQL grows beside it.
import { get } from './api.js';
import { $, button, fill, h, iconButton } from './dom.js';
import { compares, Names, onSql, OPERATORS, PARTS, querySql, SUMMARIES } from './query-sql.js';
import { dialog, menu, toast } from './ui.js';

const LIMIT = 100;
let kept = null; // the query of the last time, as long as this page is open

const start = table => ({ sources: [{ alias: table.name, table }], picked: [], summaries: [], filters: [], sorts: [], limit: LIMIT });
const dated = column => /DATE|TIME/i.test(column.type) || /(^|_)(date|day|time|on|at)$/i.test(column.name);

/** Every reference that leads from or to a table of the query, as what would come with it: {table, via, label, on(alias)}. */
function reachable({ sources }, tables) {
  const found = [], is = (reference, table) => reference.table.toLowerCase() === table.name.toLowerCase();
  for (const via of sources) {
    for (const reference of via.table.references) for (const table of tables.filter(item => is(reference, item))) {
      found.push({ table, via, label: `${table.name}, by ${via.alias}.${reference.columns.join(', ')}`, on: alias => onSql({ alias: via.alias, columns: reference.columns }, { alias, columns: reference.to_columns }) });
    }
    for (const table of tables) for (const reference of table.references.filter(item => is(item, via.table))) {
      found.push({ table, via, label: `${table.name}, whose ${reference.columns.join(', ')} refers to ${via.alias}`, on: alias => onSql({ alias, columns: reference.columns }, { alias: via.alias, columns: reference.to_columns }) });
    }
  }
  return found.filter(({ table, on }) => !sources.some(source => source.on === on(table.name)));
}

function join(query, { table, via, on }) {
  let alias = table.name;
  for (let i = 2; query.sources.some(source => source.alias.toLowerCase() === alias.toLowerCase()); i += 1) alias = `${table.name}_${i}`;
  query.sources.push({ alias, table, via, on: on(alias), left: false });
}

/** Take something out, and all that is about it or came by way of it. */
function leave(query, gone) {
  const lost = new Set([gone]), isLost = item => lost.has(item) || lost.has(item.source) || lost.has(item.of?.source) || lost.has(item.target) || lost.has(item.target?.source) || lost.has(item.via);
  for (const list of ['sources', 'picked', 'summaries', 'filters', 'sorts']) query[list] = query[list].filter(item => { if (isLost(item)) lost.add(item); return !lost.has(item); });
}

const columnsOf = query => query.sources.map(source => [source.alias, source.table.columns.map(column => ({ source, column }))]);
const same = (a, b) => a === b || Boolean(a && b && a.column && a.column === b.column && a.source === b.source && !a.part && !b.part);

/** A select over things: groups [[title, [[thing, text], …]], …]. */
function choice(label, groups, chosen, onpick, key) {
  const all = groups.flatMap(([, items]) => items), option = item => h('option', { value: all.indexOf(item), selected: same(item[0], chosen) }, item[1]);
  return h('select', { 'aria-label': label, dataset: { key }, onchange: event => onpick(all[Number(event.target.value)][0]) }, groups.length === 1 ? groups[0][1].map(option) : groups.filter(([, items]) => items.length).map(([title, items]) => h('optgroup', { label: title }, items.map(option))));
}
const words = (label, texts, chosen, onpick, key) => choice(label, [['', Object.entries(texts)]], chosen, onpick, key);
const columns = query => columnsOf(query).map(([title, items]) => [title, items.map(item => [item, item.column.name])]);
const sums = (query, names) => query.summaries.map(item => [item, names.titles.get(item)]);

const part = (title, hint, ...content) => h('fieldset', { class: 'builder-part' }, h('legend', {}, title), hint && h('small', {}, hint), content);
const row = (...content) => h('div', { class: 'field builder-line' }, content);
const drop = (label, query, item, change, key) => iconButton(label, 'x', { dataset: { key: `${key}-x` }, onclick: () => { leave(query, item); change(`${key.replace(/\d+$/, '')}-add`); } });
const add = (text, key, onclick, more) => button(text, { icon: 'plus', kind: 'sm fit', dataset: { key: `${key}-add` }, onclick, ...more });

function fromPart(query, tables, change, restart) {
  const [first, ...joined] = query.sources, more = reachable(query, tables);
  return part('Tables', !more.length && !joined.length && 'No foreign key leads from this table to another one, or to it.',
    row(choice('Table', [['', tables.map(table => [table, table.name])]], first.table, restart, 'table')),
    joined.map((source, i) => row(h('code', { class: 'mono' }, source.alias === source.table.name ? source.alias : `${source.table.name} as ${source.alias}`), words(`Rows without ${source.alias}`, { only: 'only rows that have one', all: 'rows without one, too' }, source.left ? 'all' : 'only', value => { source.left = value === 'all'; change(); }, `join${i}`), drop(`Remove ${source.alias}`, query, source, change, `join${i}`))),
    more.length > 0 && add('Join a table', 'join', event => menu(event.currentTarget, more.map(found => ({ label: found.label, icon: 'link', run: () => { join(query, found); change(`join${joined.length}`); } }))), { 'aria-haspopup': 'menu' }));
}

function columnsPart(query, change) {
  const box = (found, i, j) => {
    const item = query.picked.find(other => other.source === found.source && other.column === found.column), key = `pick${i}-${j}`;
    return h('div', { class: 'in-row' }, h('label', { class: 'check' }, h('input', { type: 'checkbox', checked: Boolean(item), dataset: { key }, onchange: () => { if (item) leave(query, item); else query.picked.push({ ...found, part: 'whole' }); change(key); } }), h('span', { class: 'mono' }, found.column.name)),
      item && dated(found.column) && words(`Part of ${found.column.name}`, PARTS, item.part, value => { item.part = value; change(`${key}-part`); }, `${key}-part`));
  };
  return part('Columns', query.summaries.length ? 'Rows with the same values in the ticked columns become one.' : 'If none is ticked, all are shown.',
    columnsOf(query).map(([title, items], i) => h('div', { class: 'builder-columns', role: 'group', 'aria-label': `Columns of ${title}` }, query.sources.length > 1 && h('h3', {}, title), items.map((item, j) => box(item, i, j)))));
}

function summariesPart(query, change) {
  const all = columnsOf(query).flatMap(([, items]) => items), figure = all.find(({ column }) => /REAL|NUM|DOUB|FLOA|DEC/i.test(column.type)) ?? all[0];
  const line = (item, i) => row(words(`Kind of summary ${i + 1}`, SUMMARIES, item.kind, kind => { item.kind = kind; item.of ??= figure; change(`sum${i}`); }, `sum${i}`),
    item.kind !== 'rows' && choice(`Column of summary ${i + 1}`, columns(query), item.of, of => { item.of = of; change(`sum${i}-of`); }, `sum${i}-of`), drop(`Remove summary ${i + 1}`, query, item, change, `sum${i}`));
  return part('Summaries', null, query.summaries.map(line), add('Add a summary', 'sum', () => { query.summaries.push({ kind: 'rows', of: null }); query.sorts = query.sorts.filter(({ target }) => target.part || target.kind); change(`sum${query.summaries.length - 1}`); }));
}

function filtersPart(query, names, change) {
  const targets = [...columns(query), ['Summaries', sums(query, names)]];
  const line = (item, i) => row(choice(`What condition ${i + 1} is about`, targets, item.target, target => { item.target = target; change(`if${i}`); }, `if${i}`),
    words(`Kind of condition ${i + 1}`, OPERATORS, item.operator, operator => { item.operator = operator; change(`if${i}-how`); }, `if${i}-how`),
    compares(item.operator) && h('input', { value: item.value, class: 'mono', dataset: { key: `if${i}-value` }, placeholder: item.operator === 'in' ? 'one, two, three' : 'value', 'aria-label': `Value of condition ${i + 1}`, autocomplete: 'off', spellcheck: 'false', oninput: event => { item.value = event.target.value; change(); } }),
    drop(`Remove condition ${i + 1}`, query, item, change, `if${i}`));
  return part('Conditions', query.filters.length > 1 && 'All of them must be true.', query.filters.map(line), add('Add a condition', 'if', () => { query.filters.push({ target: targets[0][1][0][0], operator: '=', value: '' }); change(`if${query.filters.length - 1}`); }));
}

function sortsPart(query, names, change) {
  const results = [...query.picked.map(item => [item, names.titles.get(item)]), ...sums(query, names)], free = query.summaries.length ? [] : columns(query);
  const targets = results.length ? [['Result', results], ...free] : free;
  const line = (item, i) => row(choice(`Order ${i + 1}`, targets, item.target, target => { item.target = target; change(`by${i}`); }, `by${i}`),
    words(`Direction of order ${i + 1}`, { up: 'ascending', down: 'descending' }, item.down ? 'down' : 'up', value => { item.down = value === 'down'; change(`by${i}-down`); }, `by${i}-down`), drop(`Remove order ${i + 1}`, query, item, change, `by${i}`));
  return part('Order and limit', null, query.sorts.map(line), add('Add an order', 'by', () => { query.sorts.push({ target: targets[0][1][0][0], down: false }); change(`by${query.sorts.length - 1}`); }),
    row(h('label', { class: 'in-row' }, h('span', {}, 'At most'), h('input', { type: 'number', min: '1', step: '1', value: query.limit ?? '', dataset: { key: 'limit' }, oninput: event => { query.limit = Number.parseInt(event.target.value, 10) || null; change(); } })), 'rows'));
}

/** Open the builder; `use(sql, run)` gets what came of it. `wanted` is the name of the table to begin with. */
export async function buildQuery(use, wanted) {
  const found = (await get('/data')).tables.filter(table => table.can_read && table.columns.length), print = JSON.stringify(found);
  if (!found.length) { toast('There is no table that you may read yet.'); return; }
  if (kept?.print !== print) kept = { print, tables: found, query: start(found[0]) };
  const { tables } = kept, asked = tables.find(table => table.name === wanted);
  if (asked && kept.query.sources[0].table !== asked) kept.query = start(asked);
  const parts = h('div', { class: 'builder-parts' }), shown = h('pre', { class: 'listing wrapped', tabindex: '0', 'aria-label': 'The query in SQL' });
  /** Show what has changed: the SQL, and the parts as well where the change adds or removes some; `key` is what has the focus then. */
  function change(key) {
    const { query } = kept;
    shown.textContent = querySql(query);
    if (key === undefined) return;
    const names = new Names(query);
    fill(parts, fromPart(query, tables, change, table => { kept.query = start(table); change('table'); }), columnsPart(query, change), summariesPart(query, change), filtersPart(query, names, change), sortsPart(query, names, change));
    $(`[data-key="${key}"]`, parts)?.focus();
  }
  const done = run => { el.close(); use(querySql(kept.query), run); };
  const form = h('form', { onsubmit: event => { event.preventDefault(); done(true); } }, h('div', { class: 'dialog-body builder' }, parts, h('div', { class: 'builder-sql' }, h('h3', {}, 'In SQL'), shown)),
    h('footer', {}, button('Cancel', { onclick: () => el.close() }), button('Put it into the editor', { onclick: () => done(false) }), h('button', { type: 'submit', class: 'btn primary' }, 'Run it')));
  const el = dialog('Build a query', form, { wide: true, remembers: true });
  change('table');
}
