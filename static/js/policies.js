// Row policies, and what they leave of a table for a user.
import { CENV, Problem, del, get, ident, post } from './api.js';
import { $, button, debounce, empty, fill, h, icon, iconButton } from './dom.js';
import { ago, date, plural } from './format.js';
import { act, begin, confirm, dialog, formDialog, toast, values } from './ui.js';

const TYPES = { read: 'Rows that may be seen', write: 'Rows that may be written', delete: 'Rows that may be deleted' };
const SEEN_ROWS = 50;
let users, tables, policies;

const nameOf = id => (id === null ? 'everybody' : id === 'public' ? 'the public' : users.find(user => user.user_id === id)?.username ?? `user ${id}`);

const people = () => [{ user_id: 'public', username: 'public', role: 'public' }, ...users.filter(user => user.role !== 'owner' && user.role !== 'admin')];
const binding = (table, type, user) => policies.filter(item => item.policy_type === type && item.table_name.toLowerCase() === table.toLowerCase() && (item.user_id === null || item.user_id === user.user_id)).map(item => item.sql_condition);

/** What conditions leave a user of a table, worked out with the rights of an administrator: how many rows of how many, and `rows` of them. */
async function left(table, user, conditions, rows = 0) {
  const all = ident(table), where = conditions.map(condition => `(${condition}\n)`).join(' AND ') || '1';
  const known = { user_id: user.user_id === 'public' ? null : user.user_id, username: user.username, role: user.role };
  const params = Object.fromEntries(Object.entries(known).filter(([name]) => new RegExp(`\\$${name}\\b`).test(where)));
  const ask = (sql, max_rows) => post('/query', { sql, params, max_rows, format: 'arrays', read_only: true }, { quiet: true });
  const [{ rows: [[seen], [there]] }, kept] = await Promise.all([ask(`SELECT count(*) FROM ${all} WHERE ${where} UNION ALL SELECT count(*) FROM ${all}`, 2), rows && ask(`SELECT * FROM ${all} WHERE ${where}`, rows)]);
  return { seen, there, kept };
}

/** Beside the condition of a new policy: what it would leave somebody, while one writes. */
function trial() {
  const hint = 'The rows that it leaves are counted while you type.', told = h('p', { class: 'dim', role: 'status' }, hint);
  const who = h('select', { id: 'try-as' }, people().map(user => h('option', { value: user.user_id }, user.username)));
  const box = h('div', { class: 'field' }, h('label', { for: 'try-as' }, 'Try it as'), who, told);
  let asks = 0;
  const tell = debounce(async () => {
    const mine = ++asks, form = box.closest('form'), user = people().find(person => String(person.user_id) === who.value);
    if (!form) return;
    const { table_name: table, policy_type: type, user_id: bound, sql_condition: condition } = values(form);
    if (!condition.trim()) { fill(told, hint); return; }
    try {
      const binds = bound === '' || bound === String(user.user_id), { seen, there } = await left(table, user, [...binding(table, type, user), ...(binds ? [condition] : [])]);
      if (mine === asks) fill(told, h('b', {}, user.username), ` ${{ read: 'would see', write: 'could write', delete: 'could delete' }[type]} ${plural(seen, 'row')} of ${there}${binds ? '' : ': the policy is for somebody else'}.`);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (mine === asks) fill(told, h('span', { class: 'bad' }, problem.message));
    }
  }, 350);
  return [box, tell];
}

async function add() {
  const [box, tell] = trial();
  const asked = formDialog({
    title: 'New policy', action: 'Create the policy', wide: true, text: 'The rows for which the condition is true remain. $user_id, $username and $role stand for whoever asks.',
    fields: [{ name: 'table_name', label: 'Table', options: tables.map(table => table.name) }, { name: 'policy_type', label: 'Limits', options: Object.entries(TYPES) },
      { name: 'user_id', label: 'For', options: [['', 'Everybody'], ['public', 'The public'], ...users.map(user => [user.user_id, user.username])] },
      { name: 'sql_condition', label: 'Condition', type: 'textarea', mono: true, rows: 3, required: true, placeholder: 'owner = $username' }, box],
    submit: ({ user_id, ...given }) => post('/admin/policies', { ...given, ...(user_id && { user_id: user_id === 'public' ? user_id : Number(user_id) }) }),
  });
  box.closest('form').addEventListener('input', tell);
  const done = await asked;
  if (!done) return;
  toast(`${done.table_name} has a new policy.`);
  await show();
}

/** The rows that the read policies leave a user. */
async function preview(table, user) {
  const conditions = binding(table, 'read', user), { seen, there, kept } = await left(table, user, conditions, SEEN_ROWS);
  const text = value => (value === null ? h('em', { class: 'null' }, 'NULL') : typeof value === 'object' ? 'blob' : String(value));
  dialog(`What ${user.username} sees of ${table}`, h('div', { class: 'dialog-body' }, h('p', {}, `${plural(seen, 'row')} of ${there}, by ${plural(conditions.length, 'policy', 'policies')}. Whether ${user.username} may read the table at all is a matter of permissions.`),
    h('div', { class: 'scroll-x bounded', tabindex: '0', role: 'region', 'aria-label': 'Rows' }, h('table', { class: 'grid' }, h('thead', {}, h('tr', {}, kept.columns.map(name => h('th', {}, h('span', { class: 'col-head' }, name))))), h('tbody', {}, kept.rows.map(row => h('tr', {}, row.map(value => h('td', {}, text(value))))))))), { wide: true });
}

const askWho = table => formDialog({ title: `See ${table} as somebody`, action: 'Show the rows', fields: [{ name: 'who', label: 'User', options: people().map(user => [user.user_id, user.username]) }],
  submit: ({ who }) => preview(table, people().find(user => String(user.user_id) === who)) });

async function remove(policy) {
  if (!await confirm({ title: `Delete this policy of ${policy.table_name}`, text: ['Rows that it hides or protects may become accessible.', h('pre', { class: 'listing', tabindex: '0', 'aria-label': 'Condition' }, policy.sql_condition)], action: 'Delete the policy' })) return;
  await del(`/admin/policies/${policy.id}`);
  toast(`The policy is deleted.`);
  await show();
}

const line = policy => h('li', {}, h('span', { class: `tag ${policy.policy_type === 'read' ? 'ok' : policy.policy_type === 'write' ? 'warn' : 'no'}` }, policy.policy_type),
  h('div', { class: 'grow' }, h('code', { class: 'mono' }, policy.sql_condition), h('small', { title: date(policy.created_at) }, `for ${nameOf(policy.user_id)} · ${ago(policy.created_at)} by ${policy.created_by === null ? 'a deleted user' : nameOf(policy.created_by)}`)),
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
  fill($('#policies'), groups.size ? [...groups].map(card) : h('section', { class: 'card' }, empty('shield-check', 'No policies yet', tables.length ? 'Whoever may read a table sees all of its rows. A condition such as owner = $username leaves everybody only their own.' : 'Policies are conditions on the rows of a table. Create a table first.',
    tables.length ? button('New policy', { icon: 'plus', onclick: () => act(add) }) : h('a', { class: 'btn', href: `${CENV}/data` }, icon('table-2'), 'Open the data')))).removeAttribute('aria-busy');
}

$('#add').addEventListener('click', () => act(add));
begin(show, $('#policies'));
