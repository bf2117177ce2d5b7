// Permissions as a matrix: a line for each table, a column for each user and for the public.
import { CENV, del, get, post } from './api.js';
import { $, administers, empty, fill, h, icon } from './dom.js';
import { act, begin, formDialog, narrow, toast } from './ui.js';

const RIGHTS = [['can_read', 'R', 'Read'], ['can_write', 'W', 'Write'], ['can_delete', 'D', 'Delete'], ['can_grant', 'G', 'Pass on']];
const held = permission => RIGHTS.filter(([right]) => permission?.[right]);
const { userId } = document.body.dataset;
const MANY = 12; // fewer are seen at one glance
let grid, tables, all;

/** The rights on a table that one may give: all, or those that one holds. */
const mayGive = table => RIGHTS.filter(([right]) => administers() || tables.find(item => item.name === table)[right]);
const open = user => administers() || ![Number(userId), 'public'].includes(user.user_id);

async function change(table, user, permission) {
  const done = await formDialog({
    title: `${user.username} on ${table}`, action: 'Save', text: user.role === 'viewer' || user.user_id === 'public' ? 'Viewers and the public only ever read, whatever is granted.' : 'Row policies may still narrow this down to some rows.',
    fields: mayGive(table).map(([right, , label]) => ({ name: right, label, type: 'checkbox', value: permission?.[right] })),
    submit: async given => {
      if (Object.values(given).some(Boolean)) await post('/admin/permissions', { user_id: user.user_id, table_name: table, ...given });
      else if (permission) await del(`/admin/permissions/${permission.id}`);
    },
  });
  if (!done) return;
  toast(`The permission of ${user.username} on ${table} is changed.`);
  await show();
}

function cell(table, user) {
  if (administers(user.role)) return h('td', { class: 'c dim' }, 'all');
  const permission = grid.get(`${table.toLowerCase()}\n${user.user_id}`), rights = held(permission);
  const told = rights.map(([, , label]) => label.toLowerCase()).join(', ') || 'nothing';
  const letters = RIGHTS.map(([right, letter]) => h('i', { class: permission?.[right] ? 'on' : '' }, letter));
  if (!open(user)) return h('td', { class: 'c' }, h('span', { class: 'rights', role: 'img', 'aria-label': told, title: told }, letters));
  const whose = `${user.username} on ${table}: ${told}`;
  return h('td', { class: 'c' }, h('button', { type: 'button', class: 'rights', 'aria-label': whose, title: whose, onclick: () => act(() => change(table, user, permission)) }, letters));
}

/** Who administers nothing is not told who has an account here: he names somebody by the number. */
async function letIn() {
  const done = await formDialog({
    title: 'Let somebody in', action: 'Give the permission', text: 'You may pass on the rights that you hold yourself. Row policies may still narrow them down to some rows.',
    fields: [{ name: 'user_id', label: 'Number of the user', type: 'number', min: 1, required: true, hint: 'They see it in their profile' }, { name: 'table_name', label: 'Table', options: tables.map(table => table.name) },
      ...RIGHTS.map(([right, , label]) => ({ name: right, label, type: 'checkbox', value: right === 'can_read' }))],
    submit: given => post('/admin/permissions', given),
  });
  if (!done) return;
  toast(`The permission of ${done.username} on ${done.table_name} is changed.`);
  await show();
}

/** Accounts by name; for who administers nothing those that hold something on the tables that he may pass on. */
async function people(permissions) {
  if (!administers()) return [...new Map(permissions.map(({ user_id, username }) => [user_id, { user_id, username }])).values()].sort((a, b) => a.username.localeCompare(b.username));
  const { users } = await get('/admin/users');
  return [{ user_id: 'public', username: 'public', role: 'not signed in' }, ...users.sort((a, b) => a.username.localeCompare(b.username))];
}

async function show() {
  const [found, { permissions }] = await Promise.all([get('/tables'), get('/admin/permissions')]);
  all = await people(permissions);
  tables = found.tables.filter(table => administers() || table.can_grant);
  grid = new Map(permissions.map(item => [`${item.table_name.toLowerCase()}\n${item.user_id}`, item]));
  $('#narrow').hidden = tables.length < MANY && !$('#filter').value;
  $('#narrow-users').hidden = all.length < MANY && !$('#filter-users').value;
  draw();
  $('#matrix').removeAttribute('aria-busy');
  $('#let-in').hidden = administers() || !tables.length;
}

/** The matrix of those tables and users that have in their names what the filters ask for. */
function draw() {
  const has = (name, filter) => name.toLowerCase().includes($(filter).value.trim().toLowerCase());
  const found = tables.filter(({ name }) => has(name, '#filter')), users = all.filter(({ username }) => has(username, '#filter-users'));
  const head = user => h('th', { class: 'c', scope: 'col' }, h('b', {}, user.username), user.role && h('small', {}, user.role));
  fill($('#matrix'), found.length && users.length
    ? h('table', { class: 'list matrix' }, h('thead', {}, h('tr', {}, h('th', {}, 'Table'), users.map(head))), h('tbody', {}, found.map(({ name }) => h('tr', {}, h('th', { scope: 'row', class: 'mono name', title: name }, name), users.map(user => cell(name, user))))))
    : tables.length ? empty('list-filter', `No ${found.length ? 'user' : 'table'} matches`, 'Change the filter, or clear it.')
    : !administers() ? empty('key-round', 'Nothing to pass on', 'If you may pass on your rights on a table, you give them to others here. You may do so on none.')
    : empty('key-round', 'No tables yet', 'Permissions are given on tables. Create one first.', h('a', { class: 'btn', href: `${CENV}/data` }, icon('table-2'), 'Open the data')));
}

$('#let-in').addEventListener('click', () => act(letIn));
narrow($('#filter'), draw, '#matrix tbody tr');
narrow($('#filter-users'), draw, '#matrix thead th.c');
begin(show, $('#matrix'));
