// The editor of endpoints, hooks and schedules.
import { addCommand, closeDrawers } from './app.js';
import { CENV, Problem, del, get, post, put } from './api.js';
import { changed, fell, isOrphan, learnAuthors, orphanTag } from './authors.js';
import { CodePane, Text, whenLoaded } from './code.js';
import { $, button, debounce, empty, fill, h, icon } from './dom.js';
import { ago } from './format.js';
import { renew, saveText } from './saving.js';
import { about, route, show, startPanel, tryIt } from './scripts-panel.js';
import { KINDS, fieldsOf } from './snippets.js';
import { wireSplit } from './split.js';
import { act, begin, confirm, formDialog, menu, narrow, toast } from './ui.js';

const HERE = document.title;
const ADDRESS = { endpoint: '/admin/endpoints', hook: '/admin/hooks', schedule: '/admin/schedules' };
let items = [], names = [], request = {}, current = null;
const title = item => (item.kind === 'endpoint' ? `${item.method} ${item.path}` : item.name);
const note = item => (item.kind === 'hook' ? `after ${item.table_name === '*' ? 'any table' : item.table_name}` : item.kind === 'schedule' ? item.cron : item.access);

/** What comes of a script that has just been made. */
const BEGINS = { endpoint: item => `answers at /api${item.path} from now on`, hook: item => `runs after each commit that writes to ${item.table_name === '*' ? 'any table' : item.table_name}`, schedule: item => `runs for the first time ${ago(item.next_at)}` };
const begins = item => `${title(item)} ${item.enabled ? BEGINS[item.kind](item) : 'is created and off'}.`;

const pane = new CodePane($('#editor'), { language: 'starlark', label: 'Script', vim: { box: $('#vim'), bar: $('#vimbar') }, pos: $('#pos'), run: () => current && act(tryIt), save: () => current && act(save) });
const texts = new Map();
const keyOf = item => `${item.kind}/${item.id}`;
const isDirty = item => texts.has(keyOf(item)) && texts.get(keyOf(item)).value !== item.script;
function textOf(item) {
  if (!texts.has(keyOf(item))) {
    const text = new Text(item.script, 'starlark');
    text.onchange(() => { draw(); check(); });
    texts.set(keyOf(item), text);
  }
  return texts.get(keyOf(item));
}

// Surely, and not where it only may: no line begins with what the server takes for a definition of one of the two.
const fails = script => !/^(def[\s\\]+handler\b|(handler|response)\b)/m.test(script);
const NO_HANDLER = 'it defines no handler and sets no response, so every call will fail';

// Looked at while one types.
const check = debounce(async () => {
  if (!current) return;
  const { text } = pane, script = text.value;
  try {
    const { error } = await post('/editor/scripts/check', { script }, { quiet: true });
    if (text !== pane.text || script !== text.value) return;
    pane.mark(error && { ...error, message: error.detail });
    fill($('#verdict'), error ? h('span', { class: 'bad' }, `line ${error.position?.line ?? 1}: ${error.detail.split('\n')[0]}`) : h('span', { class: fails(script) ? 'bad' : 'good' }, fails(script) ? NO_HANDLER : 'no syntax errors'));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    fill($('#verdict'), problem.code === 'rate_limited' ? '' : h('span', { class: 'bad' }, problem.message));
  }
}, 500);

function draw() {
  const asked = $('#filter').value.toLowerCase();
  const found = items.filter(item => `${title(item)} ${item.description}`.toLowerCase().includes(asked));
  fill($('#list'), Object.entries(KINDS).flatMap(([kind, about_]) => {
    const own = found.filter(item => item.kind === kind);
    return [h('h2', {}, about_.group, h('em', {}, String(own.length))), own.length ? own.map(item => h('button', { type: 'button', class: `tree-row${item.enabled ? '' : ' off'}`, 'aria-current': item === current ? 'true' : null, title: item.description, onclick: () => choose(item) }, icon(about_.icon), h('span', {}, title(item)), isDirty(item) ? h('i', { class: 'dirty', role: 'img', 'aria-label': 'not saved', title: 'Not saved' }) : h('em', {}, item.enabled ? note(item) : 'off'))) : h('p', { class: 'dim hint' }, about_.teach)];
  })).removeAttribute('aria-busy');
  for (const id of ['try', 'settings', 'more']) $('#' + id).disabled = !current;
  $('#save').ariaDisabled = String(!current || !(isDirty(current) || isOrphan(current))); // no longer a button that works, it keeps the focus of who has just pressed it
  document.title = current ? `${title(current)} · ${HERE}` : HERE;
  fill($('#title'), current ? title(current) : 'Scripts');
  fill($('#tags'), current && [h('span', { class: 'tag' }, note(current)), current.run_as === 'definer' && h('span', { class: 'tag warn' }, 'with its author’s rights'), !current.enabled && h('span', { class: 'tag no' }, 'off'), orphanTag(current), h('small', {}, `saved ${ago(current.modified_at)}`), current.kind === 'schedule' && current.next_at && h('small', {}, `next ${ago(current.next_at)}`)]);
}

function choose(item) {
  closeDrawers();
  current = item;
  pane.show(textOf(item));
  pane.readOnly = false;
  history.replaceState(null, '', `#${keyOf(item)}`);
  draw();
  about(item);
  check();
  pane.focus();
}

function take(made, kind) {
  const item = { ...made, kind }, at = items.findIndex(other => keyOf(other) === keyOf(item));
  if (at < 0) items.push(item); else items[at] = item;
  items.sort((a, b) => title(a).localeCompare(title(b)));
  if (current && keyOf(current) === keyOf(item)) current = item;
  renew(texts.get(keyOf(item)), item.script);
  return item;
}

async function save() {
  const item = current;
  if (fails(textOf(item).value) && !await confirm({ title: `Save ${title(item)} anyway`, text: `As it stands ${NO_HANDLER}. The saved version would no longer run.`, action: 'Save it anyway' })) return;
  try {
    const made = await saveText(route(item), 'script', textOf(item), title(item));
    if (!made) return;
    const [lost, more] = fell(item.run_as, made, () => act(settings));
    take(made, item.kind);
    pane.mark(null);
    toast(fails(made.script) ? `${title(item)} is saved, but ${NO_HANDLER}.` : `${title(item)} is saved and in use from now on.${lost}`, { kind: fails(made.script) ? 'error' : 'info', ...more });
  } catch (error) {
    if (error instanceof Problem && error.position) pane.mark(error);
    throw error;
  } finally { draw(); }
}

const tables = async () => (await get('/tables', { quiet: true })).tables.filter(table => table.type !== 'view').map(table => table.name);
async function create(kind, [label, script]) {
  const made = await formDialog({ title: `New ${KINDS[kind].label.toLowerCase()}: ${label}`, text: KINDS[kind].teach, action: 'Create', fields: fieldsOf(kind, {}, kind === 'hook' ? await tables() : []), submit: given => post(ADDRESS[kind], { ...given, script, instead_of: '' }) });
  if (!made) return;
  choose(take(made, kind));
  toast(begins(current));
}
async function settings() {
  const item = current;
  const made = await formDialog({ title: `Settings of ${title(item)}`, action: 'Save', fields: fieldsOf(item.kind, item, item.kind === 'hook' ? await tables() : []), submit: given => put(route(item), changed(item, given)) });
  if (made) { choose(take(made, item.kind)); toast(`${title(current)} is changed.`); }
}
async function remove() {
  const item = current;
  if (!await confirm({ title: `Delete ${title(item)}`, text: 'The script, its versions and its runs are gone for good.', action: `Delete ${title(item)}` })) return;
  await del(route(item));
  items = items.filter(other => other !== item);
  texts.get(keyOf(item))?.dispose();
  texts.delete(keyOf(item));
  toast(`${title(item)} is deleted.`);
  if (items.length) choose(items[0]); else nothing();
}
async function switchOn() {
  const item = take(await put(route(current), { enabled: !current.enabled }), current.kind);
  toast(`${title(item)} is ${item.enabled ? 'on' : 'off'}.`);
  draw();
}

const newItems = () => Object.entries(KINDS).flatMap(([kind, { label, icon: name, snippets }]) => snippets.map(snippet => ({ label: `${label}: ${snippet[0]}`, icon: name, run: () => act(() => create(kind, snippet)) })));
function nothing() {
  current = null;
  pane.show(new Text('', 'starlark'));
  pane.readOnly = true;
  draw();
  fill($('#panel'), empty('file-code-2', 'No scripts yet', 'Endpoints answer at HTTP addresses of your own, hooks run after commits, schedules at set times: all in Starlark, a small Python.', button('Write the first one', { kind: 'primary', 'aria-haspopup': 'menu', onclick: event => menu(event.currentTarget, newItems()) })));
}

narrow($('#filter'), draw, '#list .tree-row');
$('#new').addEventListener('click', event => menu(event.currentTarget, newItems()));
$('#save').addEventListener('click', event => event.currentTarget.ariaDisabled !== 'true' && act(save));
$('#try').addEventListener('click', () => act(tryIt));
$('#settings').addEventListener('click', () => act(settings));
$('#more').addEventListener('click', event => menu(event.currentTarget, [
  { label: 'Settings', icon: 'sliders-horizontal', run: () => act(settings) },
  { label: current.enabled ? 'Switch off' : 'Switch on', icon: 'toggle-left', run: () => act(switchOn) },
  ...(current.kind === 'endpoint' && /GET|\*/.test(current.method) && !current.path.includes('{') ? [{ label: 'Open its address', icon: 'external-link', run: () => window.open(`${CENV}/api${current.path}`, '_blank', 'noopener') }] : []),
  { label: 'Delete', icon: 'trash-2', danger: true, run: () => act(remove) },
]));
document.addEventListener('wce:signed-in', check);
addEventListener('beforeunload', event => { if (items.some(isDirty)) event.preventDefault(); });
addCommand({ label: 'New script', icon: 'plus', group: 'Scripts', run: () => $('#new').click() });
wireSplit($('#split'), $('#work'), $('#editor'));

whenLoaded(({ complete, monaco }) => {
  const K = monaco.languages.CompletionItemKind;
  complete('starlark', ['.'], (model, at, range) => {
    const before = model.getLineContent(at.lineNumber).slice(0, at.column - 1), space = /([A-Za-z_]\w*)\.\w*$/.exec(before)?.[1];
    if (space === 'request' || space === 'event') return Object.entries(request).map(([label, does]) => ({ label, kind: K.Property, detail: does, insertText: label, range }));
    const from = space ? `${space}.` : '';
    const shown = names.filter(entry => entry.name.startsWith(from) && !entry.name.slice(from.length).includes('.'));
    const spaces = space ? [] : [...new Set(names.filter(entry => entry.name.includes('.')).map(entry => entry.name.split('.')[0]))].map(label => ({ label, kind: K.Module, insertText: label, range }));
    return [...shown.map(entry => ({ label: entry.name.slice(from.length), kind: K.Function, detail: entry.signature, documentation: entry.does, insertText: entry.name.slice(from.length), range })), ...spaces];
  });
  monaco.languages.registerHoverProvider('starlark', { provideHover(model, at) {
    const word = model.getWordAtPosition(at);
    if (!word) return null;
    const before = model.getLineContent(at.lineNumber).slice(0, word.startColumn - 1), space = /([A-Za-z_]\w*)\.$/.exec(before)?.[1];
    if (space === 'request' && request[word.word]) return { contents: [{ value: `**request.${word.word}**` }, { value: request[word.word] }] };
    const entry = names.find(item => item.name === (space ? `${space}.${word.word}` : word.word));
    return entry ? { contents: [{ value: `**${entry.name}**${entry.signature}` }, { value: entry.does }] } : null;
  } });
});

startPanel({ text: item => textOf(item).value, dirty: isDirty, mark: problem => pane.mark(problem && { ...problem, message: problem.detail ?? problem.message }), restored: (item, found) => {
  const text = textOf(item), here = item === current;
  text.base = text.value = found.script;
  const made = take(found, item.kind);
  if (here) { choose(made); show('versions'); }
} });
begin(async () => {
  const [found] = await Promise.all([get('/editor/scripts'), learnAuthors()]);
  ({ names, request } = found);
  for (const [kind, list] of [['endpoint', found.endpoints], ['hook', found.hooks], ['schedule', found.schedules]]) for (const item of list) take(item, kind);
  const asked = items.find(item => `#${keyOf(item)}` === location.hash) ?? items[0];
  if (asked) choose(asked); else nothing();
  document.body.dataset.ready = '';
}, $('#list'));
