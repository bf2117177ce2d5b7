// How SQLite would run a statement, and which rules let it or stop it.
import { get, post } from './api.js';
import { $, fill, h, icon } from './dom.js';
import { act } from './ui.js';

let users = null;

const looks = detail => (/^SEARCH/.test(detail) ? ['zap', 'teal'] : /^SCAN/.test(detail) ? ['rows-3', 'amber'] : /TEMP B-TREE/.test(detail) ? ['sigma', 'rose'] : ['git-branch', 'accent']);
const hint = detail => (/^SEARCH/.test(detail) ? 'finds its rows by a key or an index' : /^SCAN/.test(detail) ? 'reads every row' : /TEMP B-TREE/.test(detail) ? 'sorts or groups in a temporary index' : '');

function tree(plan, parent = 0) {
  const own = plan.filter(step => step.parent === parent);
  return own.length ? h('ul', { class: 'plan' }, own.map(step => { const [name, tone] = looks(step.detail); return h('li', {}, h('div', { class: `plan-step tone-${tone}` }, h('span', { class: 'feed-ic' }, icon(name)), h('code', {}, step.detail), h('small', {}, hint(step.detail))), tree(plan, step.id)); })) : null;
}

function rules(found) {
  if (!found.tables.length) return h('p', { class: 'dim' }, 'It touches no table.');
  return h('ul', { class: 'verdicts' }, found.tables.map(item => h('li', {}, h('div', {}, icon(item.allowed ? 'circle-check' : 'circle-x', item.allowed ? 'good' : 'bad'), h('b', { class: 'mono' }, item.table), h('span', { class: 'tag' }, item.right), h('span', { class: 'sr' }, item.allowed ? 'allowed' : 'refused'), h('small', { class: 'mono' }, (item.columns ?? []).join(', '))),
    h('ul', {}, item.rules.map(rule => h('li', { class: rule.allowed ? '' : 'bad' }, h('span', { class: 'tag' }, rule.rule), ' ', rule.reason))))));
}

/** Explain `sql` into #plan; administrators choose as whom. `from` is where the text begins in the pane. */
export async function explain(pane, sql, from, asUser = '') {
  pane.mark(null);
  const found = await post('/query/explain', { sql, ...(asUser ? { as_user: asUser === 'public' ? 'public' : Number(asUser) } : {}) });
  if (found.position) pane.mark({ position: found.position, message: found.reason }, from);
  const admin = ['owner', 'admin'].includes(document.body.dataset.role);
  if (admin && users === null) users = (await get('/admin/users')).users;
  const chooser = admin && h('label', { class: 'select sm' }, h('span', {}, 'As'), h('select', { 'aria-label': 'As whom', onchange: event => act(() => explain(pane, sql, from, event.target.value)) },
    h('option', { value: '' }, 'myself'), users.filter(user => String(user.user_id) !== document.body.dataset.userId).map(user => h('option', { value: user.user_id, selected: String(user.user_id) === asUser }, `${user.username} (${user.role})`)), h('option', { value: 'public', selected: asUser === 'public' }, 'visitors who are not signed in')));
  fill($('#plan'), h('div', { class: 'explained' },
    h('header', {}, h('span', { class: `tag ${found.allowed ? 'ok' : 'no'}` }, found.allowed ? 'would run' : 'would be refused'), h('span', {}, found.allowed ? `${found.kind} statement` : found.reason), h('span', { class: 'gap' }), chooser),
    h('div', { class: 'grid-1-1' }, h('section', { 'aria-label': 'Plan' }, h('h2', {}, 'SQLite’s plan'), tree(found.plan) ?? h('p', { class: 'dim' }, 'It has no plan.')), h('section', { 'aria-label': 'Rules' }, h('h2', {}, 'Rules that apply'), rules(found)))));
  return found;
}
