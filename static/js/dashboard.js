// The first screen of a cenv.
import { CENV, get } from './api.js';
import { $, empty, fill, h, icon } from './dom.js';
import { ago, bytes, compact, date, num, plural } from './format.js';
import { act } from './ui.js';

const TONES = { user: 'accent', session: 'teal', login: 'teal', config: 'amber', permission: 'accent', policy: 'accent', endpoint: 'teal', hook: 'teal', schedule: 'teal', template: 'accent' };
const ICONS = { user: 'users', session: 'log-in', login: 'log-in', config: 'settings-2', permission: 'key-round', policy: 'shield-check', endpoint: 'file-code-2', hook: 'webhook', schedule: 'calendar-clock', template: 'app-window', table: 'table-2' };

const card = (title, note, body, more) => h('article', { class: 'card flush' },
  h('header', { class: 'card-head' }, h('div', {}, h('h2', {}, title), note && h('p', {}, note)), more && h('a', { class: 'more', href: CENV + more[1] }, more[0])), body);

function figure(label, value, unit, note, tone) {
  return h('article', { class: `card stat flat tone-${tone}` }, h('h2', {}, label), h('p', { class: 'figure' }, value, unit && h('small', {}, unit)), h('p', { class: 'delta' }, note));
}

function figures({ tables, size, setup, sessions }) {
  const rows = tables.reduce((sum, table) => sum + (table.rows ?? 0), 0);
  const all = [figure('Tables', num(tables.filter(table => table.type !== 'view').length), '', plural(tables.filter(table => table.type === 'view').length, 'view'), 'accent'),
    figure('Rows', compact(rows), '', 'that you may see', 'teal')];
  if (size) {
    const used = h('progress', { value: size.used_bytes, max: size.max_bytes, 'aria-label': 'Part of the quota in use' });
    const [value, unit] = bytes(size.used_bytes).split(' ');
    all.push(h('article', { class: 'card stat flat tone-amber' }, h('h2', {}, 'Size'), h('p', { class: 'figure' }, value, h('small', {}, unit)), h('p', { class: 'delta' }, `of ${bytes(size.max_bytes)}`), used),
      figure('People', num(setup.users + 1), '', plural(sessions, 'open session'), 'rose'));
  }
  return h('section', { class: 'stats', 'aria-label': 'Key figures' }, all);
}

function storage(tables) {
  const most = Math.max(1, ...tables.map(table => table.rows ?? 0));
  if (!tables.length) return empty('table-2', 'No tables yet', 'Tables that you make or may use are listed here with their rows.');
  return h('ul', { class: 'store' }, [...tables].sort((a, b) => (b.rows ?? -1) - (a.rows ?? -1)).slice(0, 10).map(table => h('li', {}, h('b', { class: 'mono', title: table.name }, table.name), h('span', { class: 'dim' }, table.type),
    table.rows === null ? h('span', {}) : h('progress', { value: table.rows, max: most, 'aria-label': `${table.name}: ${table.rows} rows` }), h('span', { class: 'n' }, table.rows === null ? '' : num(table.rows)))));
}

function entry(item) {
  const kind = item.resource_type || item.action.split('.')[0];
  return h('li', { class: `tone-${TONES[kind] ?? 'accent'}` }, h('span', { class: 'feed-ic' }, icon(ICONS[kind] ?? 'activity')), h('p', {}, h('b', {}, item.username || 'somebody'), ` ${item.action} `, h('span', {}, item.resource_id)), h('time', { title: date(item.timestamp) }, ago(item.timestamp)));
}

act(async () => {
  const found = await get('/');
  fill($('#dashboard'), figures(found), h('section', { class: found.activity ? 'grid-1-1' : '' },
    card('Tables', 'By rows', storage(found.tables)),
    found.activity && card('Activity', 'Newest entries of the audit log', h('ul', { class: 'feed' }, found.activity.map(entry))))).removeAttribute('aria-busy');
});
