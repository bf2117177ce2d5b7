// The tables of a cenv.
import { CENV, get, rowsUrl } from './api.js';
import { $, empty, fill, h, icon } from './dom.js';
import { diagram } from './diagram.js';
import { plural } from './format.js';
import { importFile } from './import.js';
import { newTable } from './new-table.js';
import { act, begin } from './ui.js';

const ICONS = { table: 'table-2', view: 'eye', virtual: 'search' };
const RIGHTS = [['can_read', 'read'], ['can_write', 'write'], ['can_delete', 'delete'], ['can_grant', 'pass on']];

function row(table) {
  const rights = RIGHTS.filter(([right]) => table[right]).map(([, text]) => text).join(', ');
  const leads = [...new Set(table.references.map(reference => reference.table))];
  return h('tr', {}, h('td', { class: 'name', title: table.name }, h('a', { class: 'object', href: rowsUrl(table.name) }, icon(ICONS[table.type]), h('b', { class: 'mono' }, table.name))), h('td', { class: 'dim' }, table.type),
    h('td', {}, plural(table.columns.length, 'column')), h('td', { class: 'mono dim name' }, table.key.join(', ')), h('td', { class: 'mono name' }, leads.map((name, i) => [i ? ', ' : '', h('a', { class: 'link', href: rowsUrl(name) }, name)])), h('td', { class: 'dim' }, rights));
}

async function create() {
  const name = await newTable((await get('/data')).tables);
  if (name) location.assign(rowsUrl(name));
}

async function load() {
  const { tables } = await get('/data');
  const name = await importFile(tables.filter(table => table.type === 'table').map(table => table.name));
  if (name) location.assign(rowsUrl(name));
}

/** The list, or the picture of it. */
function view(picture, tables) {
  $('#as-list').setAttribute('aria-pressed', String(!picture));
  $('#as-picture').setAttribute('aria-pressed', String(picture));
  $('#tables').hidden = picture;
  $('#picture').hidden = !picture;
  if (picture && !$('#picture').firstChild) fill($('#picture'), diagram(tables));
}

$('#import')?.addEventListener('click', event => act(load, event.currentTarget)); // a second click while the tables are on their way opens no second dialog
$('#new')?.addEventListener('click', event => act(create, event.currentTarget));
begin(async () => {
  const { tables } = await get('/data');
  fill($('#tables'), tables.length
    ? h('table', { class: 'list' }, h('thead', {}, h('tr', {}, ['Name', 'Kind', 'Columns', 'Key', 'Refers to', 'You may'].map(text => h('th', {}, text)))), h('tbody', {}, tables.map(row)))
    : empty('table-2', 'No tables yet', 'Make one here or in the console; tables that somebody lets you use are listed here as well.', h('a', { class: 'btn', href: `${CENV}/console` }, icon('square-terminal'), 'Open the console'))).removeAttribute('aria-busy');
  $('#views').hidden = !tables.some(table => table.type === 'table');
  $('#as-list').addEventListener('click', () => view(false, tables));
  $('#as-picture').addEventListener('click', () => view(true, tables));
}, $('#tables'));
