// Row policies, and what they leave of a table for a user.
import { CENV, del, get, ident, post } from './api.js';
import { $, button, empty, fill, h, icon, iconButton } from './dom.js';
import { ago, date, plural } from './format.js';
import { act, confirm, dialog, formDialog, toast } from './ui.js';

const TYPES = { read: 'Rows that may be seen', write: 'Rows that may be written', delete: 'Rows that may be deleted' };
const SEEN_ROWS = 50;
let users, tables, policies;

const nameOf = id => (id === null ? 'everybody' : id === 'public' ? 'the public' : users.find(user => user.user_id === id)?.username ?? `user ${id}`);

async function add() {
  const done = await formDialog({
    title: 'New policy', action: 'Create the policy', wide: true, text: 'The rows for which the condition is true remain. $user_id, $username and $role stand for whoever asks.',
    fields: [{ name: 'table_name', label: 'Table', options: tables.map(table => table.name) }, { name: 'policy_type', label: 'Holds for', options: Object.entries(TYPES) },
      { name: 'user_id', label: 'Binds', options: [['', 'Everybody'], ['public', 'The public'], ...users.map(user => [user.user_id, user.username])] },
      { name: 'sql_condition', label: 'Condition', type: 'textarea', mono: true, rows: 3, required: true, placeholder: 'owner = $username' }],
    submit: ({ user_id, ...given }) => post('/admin/policies', { ...given, ...(user_id && { user_id: user_id === 'public' ? user_id : Number(user_id) }) }),
  });
  if (!done) return;
  toast(`${done.table_name} has a new policy.`);
  await show();
}

/** The rows that the read policies leave a user, worked out with the rights of an administrator. */
async function preview(table, user) {
  const mine = policies.filter(item => item.policy_type === 'read' && item.table_name.toLowerCase() === table.toLowerCase() && (item.user_id === null || item.user_id === user.user_id));
  const all = ident(table), where = mine.map(item => `(${item.sql_condition}\n)`).join(' AND ') || '1';
  const params = { user_id: user.user_id === 'public' ? null : user.user_id, username: user.username, role: user.role };
  const named = Object.fromEntries(Object.entries(params).filter(([name]) => new RegExp(`\\$${name}\\b`).test(where)));
  const [kept, total] = await Promise.all([post('/query', { sql: `SELECT * FROM ${all} WHERE ${where}`, params: named, max_rows: SEEN_ROWS, format: 'arrays' }), post('/query', { sql: `SELECT count(*) FROM ${all} WHERE ${where} UNION ALL SELECT count(*) FROM ${all}`, params: named, format: 'arrays' })]);
  const [[seen], [there]] = total.rows;
  const text = value => (value === null ? h('em', { class: 'null' }, 'NULL') : typeof value === 'object' ? 'blob' : String(value));
  dialog(`What ${user.username} sees of ${table}`, h('div', { class: 'dialog-body' }, h('p', {}, `${plural(seen, 'row')} of ${there}, by ${plural(mine.length, 'policy', 'policies')}. Whether ${user.username} may read the table at all is a matter of permissions.`),
    h('div', { class: 'scroll-x bounded' }, h('table', { class: 'grid' }, h('thead', {}, h('tr', {}, kept.columns.map(name => h('th', {}, h('span', { class: 'col-head' }, name))))), h('tbody', {}, kept.rows.map(row => h('tr', {}, row.map(value => h('td', {}, text(value))))))))), { wide: true });
}

function askWho(table) {
  const people = [{ user_id: 'public', username: 'public', role: 'public' }, ...users.filter(user => user.role !== 'owner' && user.role !== 'admin')];
  return formDialog({ title: `See ${table} as somebody`, action: 'Show the rows', fields: [{ name: 'who', label: 'User', options: people.map(user => [user.user_id, user.username]) }],
    submit: ({ who }) => preview(table, people.find(user => String(user.user_id) === who)) });
}

async function remove(policy) {
  if (!await confirm({ title: `Delete this policy of ${policy.table_name}`, text: ['Rows that it hides or protects may be open then.', h('pre', { class: 'listing' }, policy.sql_condition)], action: 'Delete the policy' })) return;
  await del(`/admin/policies/${policy.id}`);
  toast(`The policy is deleted.`);
  await show();
}

const line = policy => h('li', {}, h('span', { class: `tag ${policy.policy_type === 'read' ? 'ok' : policy.policy_type === 'write' ? 'warn' : 'no'}` }, policy.policy_type),
  h('div', { class: 'grow' }, h('code', { class: 'mono' }, policy.sql_condition), h('small', { title: date(policy.created_at) }, `for ${nameOf(policy.user_id)} · ${ago(policy.created_at)} by ${nameOf(policy.created_by ?? null)}`)),
  iconButton(`Delete the policy ${policy.sql_condition}`, 'trash-2', { onclick: () => act(() => remove(policy)) }));

function card([table, items]) {
  return h('section', { class: 'card flush' }, h('header', { class: 'card-head' }, h('div', {}, h('h2', { class: 'mono' }, table), h('p', {}, plural(items.length, 'policy', 'policies'))), button('See as…', { icon: 'eye', kind: 'sm', onclick: () => act(() => askWho(table)) })), h('ul', { class: 'rows' }, items.map(line)));
}

async function show() {
  [{ policies }, { users }, { tables }] = await Promise.all([get('/admin/policies'), get('/admin/users'), get('/tables')]);
  tables = tables.filter(table => table.type === 'table');
  const groups = new Map();
  for (const policy of policies) groups.set(policy.table_name, [...groups.get(policy.table_name) ?? [], policy]);
  $('#add').disabled = !tables.length;
  fill($('#policies'), groups.size ? [...groups].map(card) : h('section', { class: 'card' }, empty('shield-check', 'No policies yet', tables.length ? 'Whoever may read a table sees all of its rows. A condition such as owner = $username leaves everybody his own.' : 'Policies are conditions on the rows of a table. Make a table first.',
    tables.length ? button('New policy', { icon: 'plus', onclick: () => act(add) }) : h('a', { class: 'btn', href: `${CENV}/console` }, icon('square-terminal'), 'Open the console')))).removeAttribute('aria-busy');
}

$('#add').addEventListener('click', () => act(add));
act(show);
