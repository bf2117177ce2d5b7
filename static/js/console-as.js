// For administrators: statements read with the eyes of somebody else, and what the policies did about it.
import { get, ident, post } from './api.js';
import { $, fill, h, icon } from './dom.js';
import { num, plural } from './format.js';

const box = $('#as'); // on the page for administrators only
const name = () => box.selectedOptions[0].dataset.name;

/** What a request carries for whoever is chosen. */
export const asUser = () => (box?.value ? { as_user: box.value === 'public' ? box.value : Number(box.value) } : {});

export async function startAs() {
  if (!box) return;
  const { users } = await get('/admin/users', { quiet: true }), others = users.filter(user => String(user.user_id) !== document.body.dataset.userId);
  box.append(...others.map(user => h('option', { value: user.user_id, dataset: { name: user.username } }, `${user.username} (${user.role})`)), h('option', { value: 'public', dataset: { name: 'the public' } }, 'the public'));
}

async function line({ table, rules }) {
  const count = async as => (await post('/query', { sql: `SELECT count(*) FROM ${ident(table)}`, read_only: true, format: 'arrays', ...as }, { quiet: true })).rows[0][0];
  const [seen, all] = await Promise.all([count(asUser()), count({})]), policies = rules.filter(rule => rule.rule === 'policy');
  return h('li', {}, icon(policies.length ? 'shield-check' : 'eye'), h('span', {}, h('b', {}, name()), ` sees ${num(seen)} of ${plural(all, 'row')} of `, h('code', {}, table), policies.length ? ', under ' : ', and no policy applies', policies.map((rule, i) => [i ? ' and ' : '', h('code', { title: rule.reason }, rule.reason.split(': ').slice(1).join(': ') || rule.reason)])));
}

/** Say above the rows what the policies left of each table that `sql` reads; nothing is said of one's own rows. */
export async function showPolicies(sql) {
  $('#policies').hidden = !box?.value;
  fill($('#policies'));
  if (!box?.value || !sql) return;
  const { tables } = await post('/query/explain', { sql, ...asUser() }, { quiet: true });
  const read = tables.filter((item, i) => item.right === 'read' && tables.findIndex(other => other.table === item.table && other.right === 'read') === i);
  fill($('#policies'), read.length ? await Promise.all(read.map(line)) : h('li', {}, icon('eye'), h('span', {}, h('b', {}, name()), ' reads no table here.')));
}
