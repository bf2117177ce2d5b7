// Permissions as a matrix: a line for each table, a column for each user and for the public.
import { CENV, del, get, post } from './api.js';
import { $, empty, fill, h, icon } from './dom.js';
import { act, formDialog, toast } from './ui.js';

const RIGHTS = [['can_read', 'R', 'Read'], ['can_write', 'W', 'Write'], ['can_delete', 'D', 'Delete'], ['can_grant', 'G', 'Pass on']];
const held = permission => RIGHTS.filter(([right]) => permission?.[right]);
let grid;

async function change(table, user, permission) {
  const done = await formDialog({
    title: `${user.username} on ${table}`, action: 'Save', text: user.role === 'viewer' || user.user_id === 'public' ? 'Viewers and the public only ever read, whatever is granted.' : 'Row policies may still narrow this down to some rows.',
    fields: RIGHTS.map(([right, , label]) => ({ name: right, label, type: 'checkbox', value: permission?.[right] })),
    submit: async given => {
      if (Object.values(given).some(Boolean)) await post('/admin/permissions', { user_id: user.user_id, table_name: table, ...given });
      else if (permission) await del(`/admin/permissions/${permission.id}`);
    },
  });
  if (!done) return;
  toast(`What ${user.username} may do with ${table} is changed.`);
  await show();
}

function cell(table, user) {
  if (user.role === 'owner' || user.role === 'admin') return h('td', { class: 'c dim' }, 'all');
  const permission = grid.get(`${table.toLowerCase()}\n${user.user_id}`), rights = held(permission);
  const told = rights.map(([, , label]) => label.toLowerCase()).join(', ') || 'nothing';
  return h('td', { class: 'c' }, h('button', { type: 'button', class: 'rights', 'aria-label': `${user.username} on ${table}: ${told}`, title: told, onclick: () => act(() => change(table, user, permission)) },
    RIGHTS.map(([right, letter]) => h('i', { class: permission?.[right] ? 'on' : '' }, letter))));
}

async function show() {
  const [{ tables }, { permissions }, { users }] = await Promise.all([get('/tables'), get('/admin/permissions'), get('/admin/users')]);
  grid = new Map(permissions.map(item => [`${item.table_name.toLowerCase()}\n${item.user_id}`, item]));
  const all = [{ user_id: 'public', username: 'public', role: 'not signed in' }, ...users.sort((a, b) => a.username.localeCompare(b.username))];
  const head = user => h('th', { class: 'c', scope: 'col' }, h('b', {}, user.username), h('small', {}, user.role));
  fill($('#matrix'), tables.length
    ? h('table', { class: 'list matrix' }, h('thead', {}, h('tr', {}, h('th', {}, 'Table'), all.map(head))), h('tbody', {}, tables.map(({ name }) => h('tr', {}, h('th', { scope: 'row', class: 'mono' }, name), all.map(user => cell(name, user))))))
    : empty('key-round', 'No tables yet', 'Permissions are given on tables. Make one with CREATE TABLE first.', h('a', { class: 'btn', href: `${CENV}/console` }, icon('square-terminal'), 'Open the console'))).removeAttribute('aria-busy');
}

act(show);
