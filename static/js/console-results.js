// What a statement answered: rows, a chart of them, JSON.
import { post, save, send } from './api.js';
import { draw as drawChart } from './charts.js';
import { $, $$, chooseTab, fill, h, icon } from './dom.js';
import { duration, num, plural } from './format.js';
import { grid, kindOf, tsv, unique } from './grid.js';
import { act, copy, menu, toast } from './ui.js';

const MAX_JSON = 200, MAX_POINTS = 1000;
let last = null, shown = null;

const seg = (kinds, chosen, onpick) => h('div', { class: 'seg sm', role: 'group', 'aria-label': 'Kind of chart' }, kinds.map(([kind, name, label]) => h('button', { type: 'button', 'aria-label': label, title: label, 'aria-pressed': kind === chosen, onclick: event => { for (const other of event.currentTarget.parentElement.children) other.setAttribute('aria-pressed', other === event.currentTarget); onpick(kind); } }, icon(name))));

const CHARTS = [['bar', 'chart-column', 'Bars'], ['line', 'chart-line', 'Lines'], ['scatter', 'chart-scatter', 'Points'], ['doughnut', 'chart-pie', 'Shares']];
const chart = { kind: 'bar', x: 0, y: 0 };
function prepareChart() {
  const { columns, rows } = last, types = columns.map((_, i) => kindOf(rows.map(row => row[i])));
  const numbers = columns.map((name, i) => [i, name]).filter(([i]) => types[i] === 'number');
  if (!numbers.length || !rows.length) { fill($('#chart'), h('p', { class: 'dim pad' }, 'A chart needs a column of numbers.')); return; }
  chart.x = Math.max(0, types.findIndex(type => type !== 'number'));
  chart.y = (numbers.find(([i, name]) => i !== chart.x && !/(^|_)id$/i.test(name)) ?? numbers[0])[0];
  chart.kind = types[chart.x] === 'date' && rows.length > 40 ? 'line' : 'bar';
  const box = h('div', { class: 'chart fill' }, h('canvas', { role: 'img' }));
  const pick = (axis, list) => h('label', { class: 'select sm' }, h('span', {}, axis.toUpperCase()), h('select', { 'aria-label': `${axis.toUpperCase()} axis`, onchange: event => { chart[axis] = Number(event.target.value); redraw(); } }, list.map(([i, name]) => h('option', { value: i, selected: i === chart[axis] }, name))));
  fill($('#chart'), h('div', { class: 'chart-opts' }, seg(CHARTS, chart.kind, kind => { chart.kind = kind; redraw(); }), pick('x', columns.map((name, i) => [i, name])), pick('y', numbers)), box);
}
function redraw() {
  const box = $('#chart .chart');
  if (!box || $('#chart').hidden) return;
  const rows = shown.rows().slice(0, MAX_POINTS);
  const [, , shape] = CHARTS.find(([kind]) => kind === chart.kind), figures = rows.map(row => row[chart.y]).filter(value => typeof value === 'number');
  $('canvas', box).setAttribute('aria-label', `${shape} of ${last.columns[chart.y]} by ${last.columns[chart.x]}, ${plural(rows.length, 'row')}: ${figures.length ? `from ${Math.min(...figures)} to ${Math.max(...figures)}` : 'no numbers'}. The results list them.`);
  drawChart(box, chart.kind, { labels: rows.map(row => row[chart.x]), series: [{ label: last.columns[chart.y], data: rows.map(row => row[chart.y]) }] });
}

/** Turn to grid, chart, both, json or plan. */
export function view(name) {
  chooseTab($$('[data-view]'), tab => tab.dataset.view === name);
  $('#res-body').className = `res-body view-${name}`;
  const parts = { grid: ['grid'], chart: ['chart'], both: ['grid', 'chart'], json: ['json'], plan: ['plan'] }[name];
  for (const id of ['grid', 'chart', 'json', 'plan']) $('#' + id).hidden = !parts.includes(id);
  if (parts.includes('chart')) redraw();
  $('#results').scrollIntoView({ block: 'nearest' }); // on low screens, which scroll as a whole, it lies below the text
}
const current = () => $('[data-view][aria-selected="true"]').dataset.view;

function asJson(columns, rows) {
  const names = unique(columns);
  return JSON.stringify(rows.map(row => Object.fromEntries(names.map((name, i) => [name, row[i]]))), null, 2);
}

/** Show an answer of /query with rows as arrays; `as` says in whose name it was asked for. */
export function showResult(result, sql, as = {}) {
  last = { ...result, sql, as };
  const rows = Boolean(result.columns.length);
  $('#copy').hidden = $('#export').hidden = !rows;
  fill($('#meta'), icon('circle-check', 'good'), h('b', {}, rows ? plural(result.row_count, 'row') : result.changes ? `${num(result.changes)} changed` : 'Done'), h('span', {}, duration(result.duration_ms)), result.truncated && h('span', { class: 'tag warn', title: 'There are more rows: raise Rows, or narrow the statement down' }, 'cut off'));
  if (!rows) {
    fill($('#grid'), h('div', { class: 'nothing' }, icon('circle-check'), h('b', {}, result.changes ? `${plural(result.changes, 'row')} changed` : 'Done'), h('p', {}, result.last_row_id ? `The last row has the id ${result.last_row_id}.` : 'The statement returns no rows.')));
    fill($('#chart'));
    fill($('#json'));
    return view('grid');
  }
  shown = grid($('#grid'), { columns: result.columns, rows: result.rows, label: 'Rows of the result' });
  prepareChart();
  fill($('#json'), h('pre', { class: 'json' }, asJson(result.columns, result.rows.slice(0, MAX_JSON)), result.rows.length > MAX_JSON && `\n… the first ${MAX_JSON} of ${result.rows.length}; export has all`));
  view(['plan', ''].includes(current()) ? 'grid' : innerWidth < 860 && current() === 'both' ? 'grid' : current());
}

/** Show why a statement failed. */
export function showFailure(problem) {
  $('#copy').hidden = $('#export').hidden = true;
  fill($('#meta'), icon('circle-x', 'bad'), h('b', { class: 'bad' }, 'Failed'));
  const at = problem.position && ` (line ${problem.position.line}, column ${problem.position.column})`;
  fill($('#grid'), h('div', { class: 'alert', role: 'alert' }, icon('circle-alert'), h('div', {}, h('b', {}, problem.title || 'No answer'), h('p', {}, problem.message, at), problem.code && h('small', {}, h('a', { class: 'link', href: `/docs/errors#${problem.code}` }, problem.code)))));
  for (const id of ['chart', 'json']) fill($(`#${id}`)); // what is there is of another statement
  view('grid');
}

const again = format => ({ sql: last.sql, read_only: true, format, ...last.as });
const sayCut = cut => cut && toast('There are more rows than this cenv returns at once (query_max_rows).', { kind: 'error' });
async function fetchAll(accept) {
  const answer = await send('POST', '/query', again('objects'), { accept });
  sayCut(answer.headers.get('X-Truncated') === 'true');
  return answer.blob();
}
async function fetchJson() {
  const { rows, truncated } = await post('/query', again('arrays'));
  sayCut(truncated);
  return new Blob([asJson(last.columns, rows)], { type: 'application/json' });
}
const EXPORTS = [['CSV', 'text/csv', 'csv'], ['NDJSON', 'application/x-ndjson', 'ndjson']];

export function wireResults() {
  for (const tab of $$('[data-view]')) tab.addEventListener('click', () => view(tab.dataset.view));
  $('#copy').addEventListener('click', () => act(() => copy(tsv(last.columns, shown.rows()), plural(last.rows.length, 'row'))));
  $('#export').addEventListener('click', event => menu(event.currentTarget, [
    ...EXPORTS.map(([name, type, end]) => ({ label: `As ${name}, all rows`, icon: 'download', run: () => act(async () => save(await fetchAll(type), `result.${end}`)) })),
    ...($('#copy').checkVisibility() ? [] : [{ label: 'Copy', icon: 'copy', run: () => $('#copy').click() }]), // small screens hide the button
    { label: 'As JSON, all rows', icon: 'braces', run: () => act(async () => save(await fetchJson(), 'result.json')) },
  ]));
  document.addEventListener('wce:theme', () => redraw());
}
