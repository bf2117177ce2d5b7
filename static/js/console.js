// The SQL console: documents, running, and what is around them.
import { addCommand, closeDrawers } from './app.js';
import { CENV, Problem, del, parse, post, send } from './api.js';
import { CodePane, Text, placeOf, whenLoaded } from './code.js';
import { asUser, showPolicies, startAs } from './console-as.js';
import { explain } from './console-plan.js';
import { showFailure, showResult, view, wireResults } from './console-results.js';
import { draw as drawSide, known, refreshSchema, start } from './console-side.js';
import { $, chooseTab, debounce, fill, h, icon } from './dom.js';
import { buildQuery } from './query-builder.js';
import { wireSplit } from './split.js';
import { name, proposals, statements } from './sql.js';
import { act, begin, formDialog, menu, toast } from './ui.js';

const HERE = document.title;
const KEY = `console ${CENV} ${document.body.dataset.user}`, CHANGES = /\b(?:CREATE|ALTER|DROP)\b/i;

// Documents; their texts are kept in this browser, and first of all for this tab, so that another one does not take its place.
let docs = [], active = null, full = false;
const persist = debounce(() => {
  const kept = JSON.stringify({ docs: docs.map(doc => ({ name: doc.name, sql: doc.text.value })), active: docs.indexOf(active) });
  try { for (const place of [sessionStorage, localStorage]) place.setItem(KEY, kept); full = false; } catch (error) {
    if (error.name !== 'QuotaExceededError') throw error;
    if (!full) toast('This browser’s storage is full: what you type from now on is lost when the page is closed. Close statements that you no longer need.', { kind: 'error' });
    full = true;
  }
}, 400);
const pane = new CodePane($('#editor'), { language: 'sql', label: 'SQL editor', vim: { box: $('#vim'), bar: $('#vimbar') }, pos: $('#pos'), run: () => run(), save: () => act(saveAs) });

function addDoc(title, sql, { activate = true } = {}) {
  const doc = { name: title, kept: sql, text: new Text(sql, 'sql') };
  doc.text.onchange(() => { persist(); doc.tab?.querySelector('.dirty')?.toggleAttribute('hidden', doc.text.value === doc.kept); });
  docs.push(doc);
  if (activate) show(doc);
  return doc;
}
/** The first of Statement, Statement 2, … that no document has. */
function unnamed() {
  let name_ = 'Statement';
  for (let i = 2; docs.some(doc => doc.name === name_); i++) name_ = `Statement ${i}`;
  return name_;
}
function show(doc) {
  active = doc;
  pane.show(doc.text);
  drawTabs();
  persist();
  pane.focus();
}
function close(doc) {
  const at = docs.indexOf(doc), { name: title, kept, text: { value } } = doc;
  docs = docs.filter(other => other !== doc);
  if (!docs.length) addDoc(unnamed(), '');
  if (active === doc) { active = null; show(docs[Math.max(0, at - 1)]); }
  doc.text.dispose();
  drawTabs();
  persist();
  if (value.trim()) toast(`${title} is closed.`, { action: { label: 'Undo', run: () => show(Object.assign(addDoc(title, value, { activate: false }), { kept })) } });
}
function drawTabs() {
  fill($('#docs'), docs.map(doc => {
    doc.tab = h('button', { type: 'button', role: 'tab', 'aria-controls': 'editor', title: 'Delete or a middle click closes it', onclick: () => show(doc), onauxclick: event => { if (event.button === 1) close(doc); },
      onkeydown: event => { if (event.key === 'Delete') close(doc); } },
    icon('file-code-2'), h('span', {}, doc.name), h('i', { class: 'dirty', hidden: doc.text.value === doc.kept, role: 'img', 'aria-label': 'not saved', title: 'Not saved under a name' }));
    return doc.tab;
  }));
  chooseTab(docs.map(doc => doc.tab), tab => tab === active?.tab);
  document.title = `${active?.name ?? 'Statement'} · ${HERE}`;
  active?.tab?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}
/** Show a text: in the document that has it, or in a new one. */
function open(sql, title, runIt = false) {
  closeDrawers();
  show(docs.find(doc => doc.text.value.trim() === sql.trim()) ?? addDoc(title, sql, { activate: false }));
  if (runIt) run();
}

/** What would run: the selection, or the statement at the cursor. */
function chosen() {
  const text = active.text.value, { start, end } = pane.selection, all = statements(text);
  const found = start < end ? { start, end } : all.find(piece => start <= piece.end + 1) ?? all.at(-1);
  return found ? { sql: text.slice(found.start, found.end), from: placeOf(text, found.start) } : null;
}

/** The same problem with its place counted in the whole text. */
function inText(problem, from) {
  if (problem.position) problem.position = { line: problem.position.line + from.lineNumber - 1, column: problem.position.column + (problem.position.line === 1 ? from.column - 1 : 0) };
  return problem;
}

const readOnly = $('#read-only');
readOnly.setAttribute('aria-pressed', Boolean(localStorage.getItem('read-only')));
readOnly.addEventListener('click', () => {
  const on = readOnly.getAttribute('aria-pressed') !== 'true';
  readOnly.setAttribute('aria-pressed', on);
  localStorage.setItem('read-only', on ? '1' : '');
});

let running = null;
const runButton = $('#run');
function busy(now) {
  $('#results').classList.toggle('busy', now);
  runButton.classList.toggle('danger', now);
  fill(runButton, icon(now ? 'circle-stop' : 'play', now ? '' : 'play'), h('span', {}, now ? 'Stop' : 'Run'), h('kbd', {}, now ? 'Esc' : 'Ctrl ⏎'));
}
/** Send statements, of which Stop and Escape end the run. `told` is called with the parsed answer; what is noted of them in the history comes of it, or of what went wrong. */
async function perform(path, sql, body, from, told) {
  if (running) return;
  pane.mark(null);
  const id = crypto.randomUUID?.() ?? `q${Date.now()}-${Math.floor(Math.random() * 1e9)}`, doc = active;
  running = { id, abort: new AbortController() };
  busy(true);
  let note = { error: 'stopped' };
  try {
    const answer = await send('POST', path, body, { signal: running.abort.signal, headers: { 'X-Query-ID': id } });
    note = told(parse(await answer.text()));
    if (CHANGES.test(sql)) act(refreshSchema);
  } catch (error) {
    showPolicies();
    if (error.name === 'AbortError') showFailure({ title: 'Stopped', message: 'You stopped the statement; it changed nothing.' });
    else if (error instanceof Problem) {
      const at = from(error);
      if (doc === active) pane.mark(error, at);
      showFailure(inText(error, at));
      note = { error: error.message };
    } else throw error;
  } finally {
    running = null;
    busy(false);
  }
  post('/console/history', { sql, ...note }, { quiet: true }).then(item => { known.history.unshift(item); if (known.kind === 'history') drawSide(); }, () => toast('This statement could not be added to the history.', { kind: 'error' }));
}
const options = () => ({ format: 'arrays', max_rows: Number($('#limit').value) });
const isReadOnly = () => readOnly.getAttribute('aria-pressed') === 'true';
async function run() {
  const piece = chosen();
  if (!piece) { toast('There is no statement to run.'); return; }
  const as = asUser();
  await perform('/query', piece.sql, { sql: piece.sql, ...options(), read_only: isReadOnly(), ...as }, () => piece.from, result => {
    showResult(result, piece.sql, as);
    act(() => showPolicies(piece.sql));
    return { duration_ms: result.duration_ms, row_count: result.columns.length ? result.row_count : result.changes };
  });
}
function stop() {
  if (!running) return;
  del(`/query/${running.id}`, { quiet: true }).catch(() => toast('The server could not be told to stop.', { kind: 'error' }));
  running.abort.abort();
}
runButton.addEventListener('click', () => (running ? stop() : run()));
document.addEventListener('keydown', event => { if (event.key === 'Escape' && running) stop(); });

async function runAll() {
  const text = active.text.value, all = statements(text), texts = all.map(piece => text.slice(piece.start, piece.end));
  if (!all.length) { toast('There is no statement to run.'); return; }
  if (isReadOnly() || asUser().as_user) { toast('Statements in one transaction run as yourself and may write: first switch Read-only off and choose “myself”, or run them one by one.', { kind: 'error' }); return; }
  await perform('/transaction', text, { statements: texts.map(sql => ({ sql })), ...options() }, error => (error.statement === undefined ? placeOf(text, 0) : placeOf(text, all[error.statement].start)), ({ results }) => {
    const last = results.findLast(result => result.columns.length) ?? results.at(-1);
    showResult(last, texts[results.indexOf(last)]);
    showPolicies();
    toast(`${results.length} statements ran in one transaction.`);
    return { duration_ms: results.reduce((sum, result) => sum + result.duration_ms, 0), row_count: last.columns.length ? last.row_count : last.changes };
  });
}

async function saveAs() {
  const sql = active.text.value;
  if (!sql.trim()) { toast('There is nothing to save.'); return; }
  const doc = active;
  await formDialog({ title: 'Save this text', text: 'For you alone. A name that you have already used gets the new text.', action: 'Save', fields: [{ name: 'name', label: 'Name', value: doc.name, required: true }],
    submit: async given => {
      const item = await post('/console/saved', { name: given.name, sql });
      known.saved = [...known.saved.filter(other => other.id !== item.id), item].sort((a, b) => a.name.localeCompare(b.name));
      Object.assign(doc, { name: item.name, kept: sql });
      drawTabs();
      if (known.kind === 'saved') drawSide();
      toast(`${item.name} is saved.`);
    } });
}

const doExplain = () => act(async () => { const piece = chosen(); if (piece) { await explain(pane, piece.sql, piece.from); view('plan'); } });
const doFormat = () => act(async () => {
  const { text: of } = active, text = of.value, laid = [];
  for (const piece of statements(text)) laid.push((await post('/query/explain', { sql: text.slice(piece.start, piece.end) })).formatted.trim());
  if (active.text !== of || of.value !== text) toast('The text was changed or closed in the meantime, so it stays as it is.');
  else if (laid.length) pane.replace(laid.join(';\n\n') + ';\n');
});
const doBuild = table => act(() => buildQuery((sql, runIt) => open(sql, 'Built query', runIt), table));
for (const id of ['build', 'build-first']) $('#' + id).addEventListener('click', () => doBuild());
$('#explain').addEventListener('click', doExplain);
$('#format').addEventListener('click', doFormat);
$('#save').addEventListener('click', () => act(saveAs));
$('#new-doc').addEventListener('click', () => addDoc(unnamed(), ''));
$('#more').addEventListener('click', event => menu(event.currentTarget, [
  { label: 'Run all in one transaction', icon: 'list-checks', run: () => act(runAll) },
  { label: 'Build a query', icon: 'table-columns-split', run: () => doBuild() },
  { label: 'Explain', icon: 'workflow', run: doExplain },
  { label: 'Format', icon: 'wand-sparkles', run: doFormat },
  ...($('#limit').checkVisibility() ? [] : [...$('#limit').options].map(option => ({ label: `At most ${option.value} rows${option.selected ? ', as now' : ''}`, icon: 'rows-3', run: () => { $('#limit').value = option.value; } }))), // small screens hide the field
  { label: `Close ${active.name}`, icon: 'x', run: () => close(active) },
]));
for (const [label, name_, run_] of [['Build a query', 'table-columns-split', () => doBuild()], ['Run the statement', 'play', () => run()], ['Run all in one transaction', 'list-checks', () => act(runAll)], ['Explain the statement', 'workflow', doExplain], ['Format the statement', 'wand-sparkles', doFormat]]) addCommand({ label, icon: name_, group: 'Console', run: run_ });

wireSplit($('#split'), $('#work'), $('#editor'));

whenLoaded(({ complete, monaco }) => {
  const { CompletionItemKind: K, CompletionItemInsertTextRule: { InsertAsSnippet } } = monaco.languages;
  complete('sql', ['.'], (model, at, range) => proposals(known.tables, model.getValueInRange(new monaco.Range(Math.max(1, at.lineNumber - 50), 1, at.lineNumber, at.column)), model.getValue()).map(item => ({ label: item.label, kind: K[item.kind], detail: item.detail, insertText: item.insert, insertTextRules: item.snippet ? InsertAsSnippet : undefined, sortText: item.rank + item.label, range })));
});

const stored = JSON.parse(sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? 'null');
for (const doc of stored?.docs ?? []) addDoc(doc.name, doc.sql, { activate: false });
const first = ['owner', 'admin'].includes(document.body.dataset.role) ? 'SELECT name, type\nFROM sqlite_schema\nWHERE type IN (\'table\', \'view\') AND name NOT GLOB \'_wce_*\'\nORDER BY name;\n' : 'SELECT datetime(\'now\') AS now, sqlite_version() AS sqlite;\n';
if (!docs.length) addDoc(unnamed(), `-- Ctrl Enter runs the statement at the cursor, Ctrl S saves it under a name.\n${first}`, { activate: false });
const search = new URLSearchParams(location.search), asked = search.get('sql');
if (asked) open(asked, unnamed());
else show(docs[stored?.active] ?? docs[0]);
wireResults();
begin(() => start({ open, build: doBuild, insert: text => { pane.insert(text); pane.focus(); }, name }), $('#side-list'));
act(startAs);
if (search.has('build')) doBuild(search.get('build'));
document.body.dataset.ready = '';
