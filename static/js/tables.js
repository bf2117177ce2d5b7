// The tables of a cenv.
import { CENV, get, rowsUrl } from './api.js';
import { $, empty, fill, h, icon, noTables } from './dom.js';
import { diagram } from './diagram.js';
import { plural } from './format.js';
import { importFile } from './import.js';
import { newTable } from './new-table.js';
import { act, begin, narrow } from './ui.js';

const ICONS = { table: 'table-2', view: 'eye', virtual: 'search' };
const RIGHTS = [['can_read', 'read'], ['can_write', 'write'], ['can_delete', 'delete'], ['can_grant', 'pass on']];
const MANY = 12; // fewer are seen at one glance
let tables = [];

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
  const name = await importFile((await get('/data')).tables.filter(table => table.type === 'table').map(table => table.name));
  if (name) location.assign(rowsUrl(name));
}

const list = found => h('table', { class: 'list' }, h('thead', {}, h('tr', {}, ['Name', 'Kind', 'Columns', 'Key', 'Refers to', 'You may'].map(text => h('th', {}, text)))), h('tbody', {}, found.map(row)));
const nothing = () => empty('list-filter', 'No table matches', 'Change the filter, or clear it.');

/** The list, or the picture of it, of the tables that have in their names what the filter asks for. */
function draw() {
  const asked = $('#filter').value.trim().toLowerCase(), picture = $('#as-picture').getAttribute('aria-pressed') === 'true';
  const found = tables.filter(table => table.name.toLowerCase().includes(asked) && (!picture || table.type === 'table'));
  $('#tables').hidden = picture;
  $('#picture').hidden = !picture;
  fill(picture ? $('#picture') : $('#tables'), found.length ? (picture ? diagram : list)(found) : nothing());
}

function view(picture) {
  $('#as-list').setAttribute('aria-pressed', String(!picture));
  $('#as-picture').setAttribute('aria-pressed', String(picture));
  draw();
}

$('#import')?.addEventListener('click', event => act(load, event.currentTarget)); // a second click while the tables are on their way opens no second dialog
$('#new')?.addEventListener('click', event => act(create, event.currentTarget));
begin(async () => {
  ({ tables } = await get('/data'));
  $('#narrow').hidden = tables.length < MANY;
  $('#views').hidden = !tables.some(table => table.type === 'table');
  if (tables.length) draw();
  else fill($('#tables'), noTables('Create one here or in the console.', h('a', { class: 'btn', href: `${CENV}/console` }, icon('square-terminal'), 'Open the console')));
  $('#tables').removeAttribute('aria-busy');
  narrow($('#filter'), draw, ':is(#tables:not([hidden]) tbody tr, #picture:not([hidden]) .er-box)');
  $('#as-list').addEventListener('click', () => view(false));
  $('#as-picture').addEventListener('click', () => view(true));
}, $('#tables'));
