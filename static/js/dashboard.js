// The first screen of a cenv.
import { CENV, get, rowsUrl } from './api.js';
import { draw } from './charts.js';
import { $, $$, empty, fill, h, icon, noTables, s } from './dom.js';
import { ago, bytes, compact, date, duration, num, plural } from './format.js';
import { act, begin } from './ui.js';

const TONES = { user: 'accent', session: 'teal', login: 'teal', config: 'amber', permission: 'accent', policy: 'accent', endpoint: 'teal', hook: 'teal', schedule: 'teal', template: 'accent', table: 'teal' };
const ICONS = { user: 'users', session: 'log-in', login: 'log-in', config: 'settings-2', permission: 'key-round', policy: 'shield-check', endpoint: 'file-code-2', hook: 'webhook', schedule: 'calendar-clock', template: 'app-window', table: 'table-2', cenv: 'database', backup: 'archive' };
const QUARTER = 900, RANGES = [['24 h', 96, 1], ['7 d', 168, 4]]; // label, how many bars, of how many quarters each
const opens = path => Boolean($(`#side a[href="${CENV}${path}"]`));
const link = (text, path) => (opens(path) ? [text, path] : null);
let found = null, range = 0;

const card = (title, note, body, { more, legend, flush = true } = {}) => h('article', { class: `card${flush ? ' flush' : ''}` },
  h('header', { class: 'card-head' }, h('div', {}, h('h2', {}, title), note && h('p', {}, note)), legend && h('ul', { class: 'legend' }, legend.map(([tone, text]) => h('li', { class: `tone-${tone}` }, text))), more && h('a', { class: 'more', href: CENV + more[1] }, more[0])), body);

/** The chosen range, in bars: {label, requests, refused, failed, p50, p95}. */
function bars() {
  const [, count, quarters] = RANGES[range], step = QUARTER * quarters, last = Math.floor(Date.now() / 1000 / step) * step;
  const out = Array.from({ length: count }, (_, i) => ({ at: last - (count - 1 - i) * step, requests: 0, refused: 0, failed: 0, p50: null, p95: null, weight: 0 }));
  for (const bucket of found.traffic ?? []) {
    const bar = out[Math.floor((bucket.started_at - out[0].at) / step)];
    if (!bar) continue;
    bar.requests += bucket.requests;
    bar.refused += bucket.refused;
    bar.failed += bucket.failed;
    if (bucket.p50_ms !== null) {
      bar.p50 = ((bar.p50 ?? 0) * bar.weight + bucket.p50_ms * bucket.requests) / (bar.weight + bucket.requests);
      bar.p95 = Math.max(bar.p95 ?? 0, bucket.p95_ms);
      bar.weight += bucket.requests;
    }
  }
  const shown = new Intl.DateTimeFormat('en-GB', range ? { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' } : { hour: '2-digit', minute: '2-digit' });
  return out.map(bar => ({ ...bar, label: shown.format(new Date(bar.at * 1000)) }));
}

let drawn = 0;
function spark(values, tone) {
  const step = Math.ceil(values.length / 32), points = [];
  for (let i = 0; i < values.length; i += step) points.push(values.slice(i, i + step).reduce((sum, value) => sum + (value ?? 0), 0));
  const most = Math.max(...points) || 1, at = (value, i) => `${(i * 120 / (points.length - 1)).toFixed(1)} ${(33 - value / most * 29).toFixed(1)}`;
  const line = 'M' + points.map(at).join('L'), id = `g${drawn++}`;
  return s('svg', { class: `spark tone-${tone}`, viewBox: '0 0 120 36', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, s('defs', {}, s('linearGradient', { id, x1: 0, y1: 0, x2: 0, y2: 1 }, s('stop', { offset: 0 }), s('stop', { offset: 1 }))), s('path', { fill: `url(#${id})`, d: `${line}L120 36L0 36Z` }), s('path', { class: 'line', d: line }));
}

function figure(label, value, unit, note, tone, points) {
  return h('article', { class: `card stat tone-${tone}${points ? '' : ' flat'}` }, h('h2', {}, label), h('p', { class: 'figure' }, value, unit && h('small', {}, unit)), h('p', { class: 'delta' }, note), points && spark(points, tone));
}

function figures(all) {
  const { tables, size, setup, sessions } = found;
  const rows = tables.reduce((sum, table) => sum + (table.rows ?? 0), 0), views = tables.filter(table => table.type === 'view').length;
  const about = [figure('Tables', num(tables.length - views), '', `${plural(views, 'view')}, ${compact(rows)} rows that you may see`, 'accent')];
  if (!size) return h('section', { class: 'stats', 'aria-label': 'Key figures' }, about);
  const sum = name => all.reduce((total, bar) => total + bar[name], 0), requests = sum('requests'), bad = sum('failed'), refused = sum('refused');
  const slow = all.filter(bar => bar.p95 !== null), p95 = slow.length ? Math.max(...slow.slice(-8).map(bar => bar.p95)) : null;
  const [latency, unit] = p95 === null ? ['–', ''] : duration(p95).split(' ');
  const [value, of] = bytes(size.used_bytes).split(' ');
  return h('section', { class: 'stats', 'aria-label': 'Key figures' },
    figure('Requests', num(requests), '', `${num(refused)} refused, in ${RANGES[range][0]}`, 'accent', all.map(bar => bar.requests)),
    figure('p95 latency', latency, unit, 'worst of the last 8 bars', 'teal', all.map(bar => bar.p95)),
    figure('Errors', num(bad), '', requests ? `${(bad / requests * 100).toFixed(2)} % of the requests` : 'no requests', 'rose', all.map(bar => bar.failed)),
    h('article', { class: 'card stat flat tone-amber' }, h('h2', {}, 'Size'), h('p', { class: 'figure' }, value, h('small', {}, of)), h('p', { class: 'delta' }, `of ${bytes(size.max_bytes)} · ${plural(tables.length - views, 'table')} · ${plural(setup.users + 1, 'person', 'people')} · ${plural(sessions, 'session')}`), h('progress', { value: size.used_bytes, max: size.max_bytes, 'aria-label': 'Share of the quota in use' })));
}

function storage() {
  const { tables } = found, most = Math.max(1, ...tables.map(table => table.rows ?? 0));
  if (!tables.length) return noTables('Tables that you create are listed here with their number of rows.', opens('/console') && h('a', { class: 'btn sm', href: `${CENV}/console` }, 'Open the console'));
  return h('ul', { class: 'store' }, [...tables].sort((a, b) => (b.rows ?? -1) - (a.rows ?? -1)).slice(0, 6).map(table => h('li', {}, h('b', { class: 'mono ell-1', title: table.name }, opens('/data') ? h('a', { href: rowsUrl(table.name) }, table.name) : table.name), h('span', { class: 'dim' }, table.type),
    table.rows === null ? h('span', {}) : h('progress', { value: table.rows, max: most, 'aria-label': `${table.name}: ${table.rows} rows` }), h('span', { class: 'n' }, table.rows === null ? '' : num(table.rows)))));
}

function entry(item) {
  const kind = item.resource_type || item.action.split('.')[0];
  return h('li', { class: `tone-${TONES[kind] ?? 'accent'}` }, h('span', { class: 'feed-ic' }, icon(ICONS[kind] ?? 'activity')), h('p', {}, h('b', {}, item.username || 'somebody'), ` ${item.action.replace('.', ' ')} `, h('span', {}, item.resource_id)), h('time', { datetime: new Date(item.timestamp * 1000).toISOString(), title: date(item.timestamp) }, ago(item.timestamp)));
}

function slowest() {
  const most = Math.max(...found.slowest.map(item => item.mean_ms));
  if (!found.slowest.length) return empty('gauge', 'Nothing measured yet', 'Statements of the console and runs of scripts are compared here.');
  return h('div', { class: 'scroll-x', tabindex: '0', role: 'region', 'aria-label': 'Slowest operations' }, h('table', { class: 'list' }, h('thead', {}, h('tr', {}, h('th', {}, 'Operation'), h('th', {}, 'Source'), h('th', {}, 'By'), h('th', { class: 'n' }, 'Calls'), h('th', { class: 'w-bar' }, 'Mean'))),
    h('tbody', {}, found.slowest.map(item => h('tr', {}, h('td', { class: 'mono ell', title: item.what }, item.what.replaceAll(/\s+/g, ' ')), h('td', {}, h('span', { class: 'tag' }, item.source)), h('td', { class: 'dim' }, item.username || '–'), h('td', { class: 'n' }, num(item.count)), h('td', { class: 'w-bar' }, h('span', { class: 'barcell' }, h('progress', { value: item.mean_ms, max: most, 'aria-label': duration(item.mean_ms) }), duration(item.mean_ms))))))));
}

function checklist() {
  const { setup, tables } = found, steps = [['Create or import a table', tables.length, '/data', 'table-2'], ['Invite somebody', setup.users, '/admin/users', 'user-plus'], ['Give permissions', setup.permissions, '/admin/permissions', 'key-round'], ['Say who sees which rows', setup.policies, '/admin/policies', 'shield-check'], ['Write an endpoint', setup.endpoints, '/editor/scripts', 'file-code-2'], ['Publish a page', setup.templates, '/editor/templates', 'app-window']].filter(([, , path]) => opens(path));
  const done = steps.filter(([, count]) => count).length;
  if (done === steps.length) return null;
  return card('Getting started', `${done} of ${steps.length} done`, h('ol', { class: 'checklist' }, steps.map(([text, count, path, name]) => h('li', { class: count ? 'ticked' : '' }, h('a', { href: CENV + path }, icon(count ? 'circle-check' : name), h('span', {}, text), count ? h('span', { class: 'sr' }, '(done)') : icon('chevron-right'))))));
}

/** What the pictures say, for whoever cannot see them. */
function inWords(all) {
  const sum = name => num(all.reduce((total, bar) => total + bar[name], 0)), most = all.reduce((a, b) => (b.requests > a.requests ? b : a));
  return `Bars of ${sum('requests')} requests in ${RANGES[range][0]}: ${sum('refused')} refused, ${sum('failed')} failed${most.requests ? `; most of them at ${most.label}, ${num(most.requests)}` : ''}`;
}
function latencyInWords(all) {
  const some = all.filter(bar => bar.p50 !== null), last = some.at(-1), most = name => duration(Math.max(...some.map(bar => bar[name])));
  return `Lines of the median and the 95th percentile of durations: ${last ? `${duration(last.p50)} and ${duration(last.p95)} at ${last.label}, ${most('p50')} and ${most('p95')} at most` : 'nothing measured'}`;
}

function charts(all) {
  const picture = (cls, told) => h('div', { class: cls }, h('canvas', { role: 'img', 'aria-label': told }));
  const traffic = picture('chart tall', inWords(all)), latency = picture('chart', latencyInWords(all));
  const steps = checklist(), activity = count => card('Activity', 'Newest entries of the audit log', h('ul', { class: 'feed' }, found.activity.slice(0, count).map(entry)), { more: link('Audit log', '/admin/audit') });
  const per = RANGES[range][2] === 1 ? '15 min' : 'hour';
  fill($('#dashboard'), figures(all),
    h('section', { class: 'grid-2-1' }, card('Traffic', `Requests per ${per}`, traffic, { flush: false, legend: [['accent', 'answered'], ['amber', 'refused'], ['rose', 'failed']] }), steps ?? activity(7)),
    h('section', { class: 'grid-2-1 rev' }, card('Response time', 'p50 and p95, milliseconds', latency, { flush: false, legend: [['teal', 'p50'], ['accent', 'p95']] }), card('Slowest operations', 'By mean time', slowest(), { more: link('Console', '/console') })),
    h('section', { class: steps ? 'grid-1-1' : '' }, steps && activity(6), card('Tables', 'By rows', storage(), { more: link('All tables', '/data') })));
  const labels = all.map(bar => bar.label);
  draw(traffic, 'bar', { labels, series: [{ label: 'answered', data: all.map(bar => bar.requests - bar.refused - bar.failed), tone: 'accent' }, { label: 'refused', data: all.map(bar => bar.refused), tone: 'amber' }, { label: 'failed', data: all.map(bar => bar.failed), tone: 'rose' }] }, { stacked: true });
  draw(latency, 'line', { labels, series: [{ label: 'p50', data: all.map(bar => bar.p50), tone: 'teal' }, { label: 'p95', data: all.map(bar => bar.p95), tone: 'accent' }] });
}

function show() {
  if (found.traffic) charts(bars());
  else fill($('#dashboard'), figures([]), card('Tables', 'By rows', storage(), { more: link('All tables', '/data') }));
  $('#dashboard').removeAttribute('aria-busy');
}
const load = async () => { found = await get('/'); show(); };
$$('#ranges button').forEach((button, i, all) => button.addEventListener('click', () => {
  range = i;
  all.forEach((other, j) => other.setAttribute('aria-pressed', j === i));
  if (found) show();
}));
$('#refresh')?.addEventListener('click', event => act(load, event.currentTarget));
begin(load, $('#dashboard'));
