// What a table is made of; administrators change it here.
import { CENV, get, ident, rowsUrl } from './api.js';
import { $, administers, button, h, iconButton } from './dom.js';
import { columnSql, followType, sqlDialog, targetOptions, targets, TYPES } from './ddl.js';
import { act, dialog, field, menu, toastNext } from './ui.js';

const mayChange = table => table.type === 'table' && administers();

/** The page is made anew after a change: nearly everything on it may be another one. */
async function changed(told, asked, place = location.href) {
  if (!await asked) return;
  toastNext(told);
  location.assign(place);
}

async function addColumn(table) {
  const found = targets((await get('/data')).tables);
  const type = field({ name: 'type', label: 'Type', options: [...TYPES, ['', 'any type']], value: 'TEXT' }), to = field({ name: 'to', label: 'Refers to', options: targetOptions(found) });
  followType($('select', to), $('select', type), found);
  await changed(`${table.name} has a new column.`, sqlDialog({
    title: `Add a column to ${table.name}`, action: 'Add the column', text: 'A column that may not be NULL needs a default for the existing rows.',
    fields: [{ name: 'name', label: 'Name', required: true, mono: true }, type, { name: 'notNull', label: 'Not null', type: 'checkbox' },
      { name: 'fallback', label: 'Default', mono: true, hint: 'A number, a text, or an (expression)' }, to],
    sql: given => `ALTER TABLE ${ident(table.name)} ADD COLUMN ${columnSql({ ...given, to: given.to === '' ? null : found[Number(given.to)] })}`,
  }));
}

const renameTable = table => {
  let name = table.name;
  const asked = sqlDialog({ title: `Rename ${table.name}`, action: 'Rename the table', text: 'Scripts, pages and saved statements that name it must be changed by hand.', fields: [{ name: 'name', label: 'New name', required: true, mono: true, value: table.name }],
    sql: given => { name = given.name.trim(); return `ALTER TABLE ${ident(table.name)} RENAME TO ${ident(name)}`; } });
  return asked.then(done => changed(`${table.name} is ${name} now.`, done, rowsUrl(name)));
};

const dropTable = table => changed(`${table.name} is dropped.`, sqlDialog({ title: `Drop the table ${table.name}`, action: 'Drop the table', danger: true, text: 'All its rows are lost. Only a backup brings them back.', sql: () => `DROP TABLE ${ident(table.name)}` }), `${CENV}/data`);

const renameColumn = (table, column) => changed(`${column.name} is renamed.`, sqlDialog({ title: `Rename ${column.name}`, action: 'Rename the column', fields: [{ name: 'name', label: 'New name', required: true, mono: true, value: column.name }],
  sql: given => `ALTER TABLE ${ident(table.name)} RENAME COLUMN ${ident(column.name)} TO ${ident(given.name.trim())}` }), location.pathname);

const dropColumn = (table, column) => changed(`${column.name} is dropped.`, sqlDialog({ title: `Drop the column ${column.name}`, action: 'Drop the column', danger: true, text: 'What it holds in every row is lost.', sql: () => `ALTER TABLE ${ident(table.name)} DROP COLUMN ${ident(column.name)}` }), location.pathname);

function addIndex(table) {
  const boxes = table.columns.map((column, i) => field({ name: `column${i}`, label: column.name, type: 'checkbox', value: i === 0 }));
  return changed(`${table.name} has a new index.`, sqlDialog({
    title: `Index ${table.name}`, action: 'Create the index', fields: [{ name: 'name', label: 'Name', required: true, mono: true, value: `${table.name}_index` }, h('h3', {}, 'Columns'), h('div', { class: 'abreast' }, boxes), { name: 'unique', label: 'Unique: no value twice', type: 'checkbox' }],
    sql: given => `CREATE ${given.unique ? 'UNIQUE ' : ''}INDEX ${ident(given.name.trim())} ON ${ident(table.name)} (${table.columns.filter((_, i) => given[`column${i}`]).map(column => ident(column.name)).join(', ')})`,
  }));
}

const dropIndex = index => changed(`The index ${index.name} is dropped.`, sqlDialog({ title: `Drop the index ${index.name}`, action: 'Drop the index', danger: true, text: 'Statements that it makes fast become slow.', sql: () => `DROP INDEX ${ident(index.name)}` }));

function line(table, column) {
  const rules = [column.primary_key && 'primary key', column.not_null && 'not null', column.default !== null && `default ${column.default}`, column.generated && `generated, ${column.generated}`];
  const acts = () => [{ label: 'Rename', icon: 'pencil', run: () => act(() => renameColumn(table, column)) }, { label: 'Drop', icon: 'trash-2', danger: true, run: () => act(() => dropColumn(table, column)) }];
  return h('tr', {}, h('td', { class: 'mono' }, column.name), h('td', { class: 'mono dim' }, column.type || '–'), h('td', {}, rules.filter(Boolean).join(', ')), mayChange(table) && h('td', {}, iconButton(`Actions for ${column.name}`, 'ellipsis', { 'aria-haspopup': 'menu', onclick: event => menu(event.currentTarget, acts()) })));
}

/** A dialog with columns, references, indexes and the definition. */
export function structure(table) {
  const may = mayChange(table);
  const list = (title, items) => items.length > 0 && [h('h3', {}, title), h('ul', { class: 'plain' }, items.map(item => h('li', { class: 'mono' }, item)))];
  // Those of constraints have names that SQLite keeps for itself, and go with their table only.
  const index = item => [`${item.name} (${item.columns.map(part => part ?? 'expression').join(', ')})${item.unique ? ' unique' : ''}`, may && !item.name.startsWith('sqlite_') && iconButton(`Drop the index ${item.name}`, 'trash-2', { onclick: () => act(() => dropIndex(item)) })];
  const change = (text, icon, run, kind = '') => button(text, { icon, kind: `sm ${kind}`, onclick: event => act(() => run(table), event.currentTarget) });
  dialog(`Structure of ${table.name}`, h('div', { class: 'dialog-body' }, may && h('div', { class: 'abreast' }, change('Add a column', 'plus', addColumn), change('Create an index', 'list-filter', addIndex), change('Rename', 'pencil', renameTable), change('Drop', 'trash-2', dropTable, 'bad')),
    h('div', { class: 'scroll-x', tabindex: '0', role: 'region', 'aria-label': 'Columns' }, h('table', { class: 'list' }, h('thead', {}, h('tr', {}, ['Column', 'Type', 'Rules'].map(text => h('th', {}, text)), may && h('th', {}, h('span', { class: 'sr' }, 'Actions')))), h('tbody', {}, table.columns.map(column => line(table, column))))),
    list('References', table.references.map(item => `${item.columns.join(', ')} → ${item.table} (${item.to_columns.join(', ')})`)), list('Indexes', table.indexes.map(index)),
    table.sql && h('pre', { class: 'listing', tabindex: '0', 'aria-label': 'Definition' }, table.sql)), { wide: true });
}
