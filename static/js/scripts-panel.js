// Below the editor of scripts: trying one, its runs, its versions.
import { Problem, get, post } from './api.js';
import { $, $$, button, chooseTab, decoded, empty, fill, h, icon } from './dom.js';
import { ago, date, duration, plural } from './format.js';
import { act, field, showErrors, values } from './ui.js';
import { listVersions } from './versions.js';

let current = null, hooks, panel = 'try';
const routes = { endpoint: '/admin/endpoints', hook: '/admin/hooks', schedule: '/admin/schedules' };
export const route = item => `${routes[item.kind]}/${item.id}`;

const pairs = text => Object.fromEntries(text.split('&').filter(Boolean).map(part => { const [name, ...rest] = part.split('='); return [decoded(name), decoded(rest.join('='))]; }));
function parse(text, name) {
  try { return JSON.parse(text); } catch (error) { throw new Problem(422, { errors: [{ field: name, message: `is not JSON: ${error.message}` }], detail: `${name} is not JSON` }); }
}

const printed = prints => h('ul', { class: 'prints' }, prints.map(({ level, text }) => h('li', { class: level === 'error' ? 'bad' : '' }, level !== 'print' && h('small', {}, level), h('code', {}, text))));

function answer(found, problem) {
  const status = problem ? problem.status : found.status;
  const prints = found?.prints ?? [], queries = found?.queries ?? [], error = found?.error;
  const headers = Object.entries(found?.headers ?? {});
  const body = found?.body === null || found?.body === undefined ? '' : typeof found.body === 'string' ? found.body : JSON.stringify(found.body, null, 2);
  let text = body;
  try { text = JSON.stringify(JSON.parse(body), null, 2); } catch { /* no JSON: shown as it is */ }
  fill($('#answer'), h('p', { class: 'res-meta' }, h('span', { class: `tag ${status < 400 ? 'ok' : 'no'}` }, String(status)), found && h('b', {}, duration(found.duration_ms)), h('span', {}, `${plural(queries.length, 'query', 'queries')}, nothing was saved`)),
    (error || problem) && h('div', { class: 'alert', role: 'alert' }, icon('circle-alert'), h('div', {}, h('b', {}, (error ?? problem).title), h('p', { class: 'mono pre' }, (error ?? problem).detail ?? problem.message))),
    text && h('pre', { class: 'listing wrapped', tabindex: '0', 'aria-label': 'Body of the answer' }, text),
    headers.length ? h('details', {}, h('summary', {}, plural(headers.length, 'header')), h('pre', { class: 'listing', tabindex: '0', 'aria-label': 'Headers' }, headers.map(([name, value]) => `${name}: ${value}`).join('\n'))) : null,
    prints.length ? h('section', {}, h('h3', {}, 'Printed'), printed(prints)) : null,
    queries.length ? h('section', {}, h('h3', {}, 'Queries'), h('ul', { class: 'prints' }, queries.map(item => h('li', {}, h('small', {}, duration(item.duration_ms)), h('code', {}, item.sql), h('small', {}, item.rows === null ? '' : plural(item.rows, 'row')))))) : null);
  $('#answer').scrollIntoView(); // on small screens it stands below the form
  if (error?.position) hooks.mark(error);
  else if (problem?.position) hooks.mark(problem);
}

export async function tryIt() {
  if (panel !== 'try') show('try');
  const form = $('#trial'), of = current;
  showErrors(form, null);
  $('.form-error', form).hidden = true;
  hooks.mark(null);
  try {
    const given = values(form), script = hooks.text(of);
    let body = { script };
    if (current.kind === 'endpoint') {
      const request = { method: given.method, path: given.path, query: pairs(given.query) };
      if (given.params.trim()) request.params = parse(given.params, 'params');
      if (given.body.trim()) request.json = parse(given.body, 'body');
      body = { script, request };
    } else body = { script, event: parse(given.event, 'event') };
    const found = await post(`${routes[of.kind]}/test`, body);
    if (form.isConnected) answer(found); // nothing else is shown there by now
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (!form.isConnected) return;
    if (error.errors.some(item => form.querySelector(`[data-field="${CSS.escape(item.field)}"]`))) showErrors(form, error);
    else answer(null, error);
  }
}

const EVENTS = { hook: item => ({ tables: { [item.table_name === '*' ? 'notes' : item.table_name]: 1 }, user: { user_id: 1, username: document.body.dataset.user, role: document.body.dataset.role }, at: Math.floor(Date.now() / 1000), attempt: 1 }), schedule: () => ({ at: Math.floor(Date.now() / 1000), attempt: 1 }) };
function drawTry() {
  const names = [...(current.path ?? '').matchAll(/\{(\w+)(?:\.\.\.)?\}/g)].map(found => found[1]);
  const fields = current.kind === 'endpoint'
    ? [h('div', { class: 'columns tight' }, field({ name: 'method', label: 'Method', options: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], value: current.method === '*' ? 'GET' : current.method }), field({ name: 'path', label: 'Path', value: current.path, mono: true })),
      field({ name: 'params', label: 'Placeholders (JSON)', value: names.length ? JSON.stringify(Object.fromEntries(names.map(name => [name, '1']))) : '', mono: true, placeholder: '{"id": "1"}' }), field({ name: 'query', label: 'Query', mono: true, placeholder: 'page=2&sort=name' }), field({ name: 'body', label: 'Body (JSON)', type: 'textarea', rows: 3, mono: true })]
    : [field({ name: 'event', label: 'Event (JSON)', type: 'textarea', rows: 7, mono: true, value: JSON.stringify(EVENTS[current.kind](current), null, 2) })];
  const form = h('form', { class: 'form', id: 'trial' }, fields, h('p', { class: 'form-error', role: 'alert', hidden: true }), h('button', { type: 'submit', class: 'btn' }, icon('play', 'play'), 'Try it'));
  form.addEventListener('submit', event => { event.preventDefault(); act(tryIt, $('[type="submit"]', form)); });
  fill($('#panel'), h('div', { class: 'trial' }, form, h('div', { id: 'answer', class: 'stack', role: 'status' }, empty('bug', 'Try what is in the editor', 'It runs as if it were saved, with you as the caller, and nothing that it does is kept.'))));
}

const failed = ({ line }) => (line ? `failed in line ${line}` : 'failed');
async function drawRuns(box) {
  const { runs } = await get(`${route(current)}/runs?limit=50`);
  fill(box, h('div', { class: 'panel-head' }, button('Refresh', { kind: 'sm', icon: 'refresh-cw', onclick: () => act(() => drawRuns(box)) })), runs.length ? h('ul', { class: 'rows runs' }, runs.map(run => h('li', {}, icon(run.error ? 'circle-x' : 'circle-check', run.error ? 'bad' : 'good'), h('div', { class: 'grow' }, h('b', {}, run.error ? failed(run.error) : run.status === null ? 'done' : String(run.status)), h('small', { title: run.request_id }, `${ago(run.started_at)} · ${date(run.started_at)} · ${duration(run.duration_ms)}`),
    run.error && h('p', { class: 'mono pre bad' }, [run.error.message, run.error.excerpt].filter(Boolean).join('\n')), run.prints.length ? printed(run.prints) : null)))) : empty('activity', 'No runs yet', 'The last 200 calls are listed here, with what they printed and how they ended.'));
}

export function show(name) {
  panel = name;
  chooseTab($$('[data-panel]'), tab => tab.dataset.panel === name);
  if (!current) return;
  if (name === 'try') { drawTry(); return; }
  const box = h('div'), of = current; // what comes late comes into a box that is not shown any more
  fill($('#panel'), box);
  if (name === 'runs') act(() => drawRuns(box));
  else act(() => listVersions(box, { path: route(of), field: 'script', language: 'starlark', text: () => hooks.text(of), dirty: () => hooks.dirty(of), restored: item => hooks.restored(of, item) }));
}
/** The script that the panel is about. */
export function about(item) { current = item; show(panel); }
export function startPanel(given) {
  hooks = given;
  for (const tab of $$('[data-panel]')) tab.addEventListener('click', () => show(tab.dataset.panel));
}
