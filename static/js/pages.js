// The editor of templates, with the page beside it.
import { addCommand, closeDrawers } from './app.js';
import { CENV, Problem, del, get, post, put, send } from './api.js';
import { changed, fell, isOrphan, learnAuthors, orphanTag } from './authors.js';
import { CodePane, Text } from './code.js';
import { $, button, debounce, decoded, empty, fill, h, icon } from './dom.js';
import { ago, bytes } from './format.js';
import { askFront } from './front-matter.js';
import { findFault, mayPublish, pagePath, render, warn } from './publishing.js';
import { renew, saveText } from './saving.js';
import { name as sqlName } from './sql.js';
import { act, begin, confirm, copy, dialog, formDialog, menu, narrow, toast } from './ui.js';
import { listVersions } from './versions.js';

const LANGUAGES = { jinja: 'jinja', markdown: 'jinja-md', html: 'html' };
const ACCESS = [['public', 'everybody'], ['user', 'signed-in users'], ['admin', 'administrators']], RUN_AS = [['caller', 'caller: what author and visitor both may see'], ['definer', 'definer: with my rights, whoever visits']];
const LAYOUT = 'layouts/base';
const FRAME = '<!doctype html>\n<html lang="en">\n<head>\n  <meta charset="utf-8">\n  <meta name="viewport" content="width=device-width, initial-scale=1">\n  <title>{% block title %}{{ page.title or "Untitled" }}{% endblock %}</title>\n  <meta name="description" content="{% block description %}{{ page.description or page.title or "A page" }}{% endblock %}">\n  <style>\n    :root { color-scheme: light dark; font: 17px/1.6 system-ui, sans-serif; }\n    body { max-width: 42rem; margin: 2rem auto; padding: 0 1rem; }\n  </style>\n</head>\n<body>\n<main>{% block main %}{{ content }}{% endblock %}</main>\n</body>\n</html>\n';
/** A page with rows of a table that is there, so that the first look at it shows some. */
async function rowsPage() {
  const [table] = (await get('/tables')).tables, column = table && (table.columns.find(item => /CHAR|TEXT/i.test(item.type)) ?? table.columns[0]).name;
  const sql = table ? `SELECT * FROM ${sqlName(table.name)} LIMIT 20` : "SELECT 'a row of no table yet' AS text", value = `row[${JSON.stringify(column ?? 'text')}]`, title = /^\w+$/.test(table?.name ?? '') ? table.name : 'Rows';
  return `{% extends "${LAYOUT}" %}\n{% block title %}${title}{% endblock %}\n{% block main %}\n<h1>${title}</h1>\n<ul>\n{% for row in query(${JSON.stringify(sql)}) %}\n  <li>{{ ${value} }}</li>\n{% else %}\n  <li>Nothing yet.</li>\n{% endfor %}\n</ul>\n{% endblock %}\n`;
}
const SNIPPETS = [
  ['Markdown page', 'markdown', `---\ntitle: A new page\nlayout: ${LAYOUT}\n---\n\n# Hello\n\nWrite **Markdown** here.\n`],
  ['Jinja page with rows', 'jinja', rowsPage],
  ['Layout', 'jinja', FRAME],
  ['HTML page', 'html', '<!doctype html>\n<html lang="en">\n<head>\n  <meta charset="utf-8">\n  <meta name="viewport" content="width=device-width, initial-scale=1">\n  <title>Hello</title>\n  <meta name="description" content="A page">\n</head>\n<body><h1>Hello</h1></body>\n</html>\n'],
];
let items = [], files = { assets: [], size: 0, max_size: 0 }, current = null, seen = null; // seen: whose page stands beside the text

const pane = new CodePane($('#editor'), { language: 'jinja', label: 'Template', wordWrap: 'on', vim: { box: $('#vim'), bar: $('#vimbar') }, pos: $('#pos'), save: () => current && act(saveIt) });
const texts = new Map(), folded = new Set();
const isDirty = item => texts.has(item.id) && texts.get(item.id).value !== item.content;
function textOf(item) {
  if (!texts.has(item.id)) {
    const text = new Text(item.content, LANGUAGES[item.syntax]);
    text.onchange(() => { draw(); previewSoon(); });
    texts.set(item.id, text);
  }
  return texts.get(item.id);
}
const HERE = document.title;
const route = item => `/admin/templates/${item.id}`;
const isPart = item => /^(layouts|partials|macros|errors)\//.test(item.name);

// The page beside the text: each time in a fresh frame, shown when it is there, so that nothing flickers and nothing of the last one stays.
async function preview() {
  if (!current) return;
  const item = current, text = textOf(item).value;
  try {
    const page = await render(item, text);
    if (current !== item || textOf(item).value !== text) return;
    pane.mark(null);
    fill($('#verdict'), h('span', { class: 'good' }, 'no syntax errors'));
    showPage(page);
    seen = item;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (current !== item) return;
    const { told, here } = findFault(problem, item);
    if (problem.position) pane.mark(here ? problem : null);
    fill($('#verdict'), problem.code === 'rate_limited' ? '' : h('span', { class: 'bad' }, told));
    if (seen !== item) fill($('#preview'), empty('circle-alert', 'No page to show', problem.code === 'rate_limited' ? problem.message : told)); // and not that of another template
  }
}
const previewSoon = debounce(() => act(preview), 500);
function showPage(page) {
  const box = $('#preview'), frame = h('iframe', { src: `${CENV}/editor/templates/frame`, title: 'The page', class: 'coming' });
  frame.addEventListener('load', () => {
    frame.contentWindow.postMessage({ page }, '*'); // its origin is opaque, and it is the frame that we have just made
    setTimeout(() => { frame.classList.remove('coming'); for (const old of [...box.children]) if (old !== frame) old.remove(); }, 60);
  }, { once: true });
  box.append(frame);
}

function row(item) {
  return h('button', { type: 'button', class: `tree-row${item.published || isPart(item) ? '' : ' draft'}`, 'aria-current': item === current ? 'true' : null, title: item.title || item.description, onclick: () => choose(item) }, icon(item.syntax === 'markdown' ? 'file-text' : item.syntax === 'html' ? 'app-window' : 'braces'), h('span', {}, item.name.split('/').at(-1)), isDirty(item) ? h('i', { class: 'dirty', role: 'img', 'aria-label': 'not saved', title: 'Not saved' }) : h('em', {}, isPart(item) ? 'part' : item.published ? item.access : 'draft'));
}
function draw() {
  const asked = $('#filter').value.toLowerCase(), found = items.filter(item => `${item.name} ${item.title}`.toLowerCase().includes(asked));
  const folders = Map.groupBy ? Map.groupBy(found, item => item.name.split('/').slice(0, -1).join('/')) : new Map([['', found]]);
  const shown = files.assets.filter(file => file.path.toLowerCase().includes(asked));
  fill($('#list'), h('h2', {}, 'Templates', h('em', {}, String(found.length))), items.length ? null : h('p', { class: 'dim hint' }, 'A template makes a page: Markdown, Jinja with rows of your tables, or plain HTML.'),
    [...folders].sort(([a], [b]) => a.localeCompare(b)).map(([folder, list]) => (folder ? h('details', { open: !folded.has(folder), ontoggle: event => { if (event.target.open) folded.delete(folder); else folded.add(folder); } }, h('summary', {}, icon('chevron-right', 'chev'), icon('folder'), h('span', {}, folder)), h('div', { class: 'nest' }, list.map(row))) : list.map(row))),
    h('h2', {}, 'Files', h('em', {}, files.max_size ? `${bytes(files.size)} of ${bytes(files.max_size)}` : '')), shown.length ? shown.map(file => h('button', { type: 'button', class: 'tree-row', 'aria-haspopup': 'menu', title: file.content_type, onclick: event => fileMenu(file, event.currentTarget) }, icon(file.content_type.startsWith('image/') ? 'image' : 'file-text'), h('span', {}, file.path), h('em', {}, bytes(file.size)))) : h('p', { class: 'dim hint' }, 'Pictures, style sheets and scripts for pages; drop them here.')).removeAttribute('aria-busy');
  for (const id of ['publish', 'settings', 'more']) $('#' + id).disabled = !current;
  $('#save').ariaDisabled = String(!current || !(isDirty(current) || isOrphan(current))); // no longer a button that works, it keeps the focus of who has just pressed it
  document.title = current ? `${current.name} · ${HERE}` : HERE;
  $('#front').hidden = current?.syntax !== 'markdown';
  fill($('#publish'), icon('globe'), h('span', {}, current?.published ? 'Unpublish' : 'Publish'));
  fill($('#title'), current ? current.name : 'Pages');
  fill($('#syntax'), current ? current.syntax : '');
  fill($('#tags'), current && [current.published ? h('a', { class: 'tag ok', href: pagePath(current), target: '_blank', rel: 'noopener' }, 'published') : h('span', { class: 'tag warn' }, 'draft'), orphanTag(current), h('small', {}, `for ${current.access === 'public' ? 'everybody' : current.access === 'user' ? 'signed-in users' : 'administrators'}, saved ${ago(current.modified_at)}`)]);
}

async function choose(item) {
  closeDrawers();
  if (item.content === undefined) Object.assign(item, await get(route(item)));
  current = item;
  pane.show(textOf(item));
  pane.readOnly = false;
  history.replaceState(null, '', `#${item.name}`);
  draw();
  act(preview);
  pane.focus();
}
function take(made) {
  const at = items.findIndex(item => item.id === made.id), item = at < 0 ? made : Object.assign(items[at], made);
  if (at < 0) items.push(item);
  items.sort((a, b) => a.name.localeCompare(b.name));
  renew(texts.get(item.id), item.content);
  return item;
}
/** Save the text, and `more` with it. Answers the item, or undefined where somebody else's text is to stay. */
async function save(more = {}) {
  const item = current;
  try {
    const made = await saveText(route(item), 'content', textOf(item), item.name, more);
    return made && take(made);
  } catch (error) {
    if (error instanceof Problem && error.position) pane.mark(error);
    throw error;
  } finally { draw(); }
}
async function saveIt() {
  const before = current.run_as, item = await save();
  if (!item) return;
  const [lost, more] = fell(before, item, () => act(settings));
  toast(`${item.name} is saved.${lost}`, more);
  await warn(item, () => act(settings));
}
/** What one publishes is the page that one looks at, so what is not saved of it is saved in the same act. */
async function publish() {
  const chosen = current, published = !chosen.published, text = published && isDirty(chosen);
  if (published && !(await mayPublish(chosen, textOf(chosen).value) && current === chosen)) return;
  const item = text ? await save({ published }) : take(await put(route(current), { published }));
  if (!item) return;
  toast(item.published ? `${item.name} is ${text ? 'saved and ' : ''}published.` : `${item.name} is a draft again; its address no longer works.`, item.published ? { action: { label: 'Open it', run: () => window.open(pagePath(item), '_blank', 'noopener') } } : {});
  draw();
  await warn(item, () => act(settings));
}
const fields = (item = {}) => [{ name: 'name', label: 'Name', value: item.name ?? '', required: true, mono: true, hint: 'index, blog/index, posts/{slug}: also the address' }, { name: 'title', label: 'Title', value: item.title ?? '' }, { name: 'access', label: 'Who may see it', options: ACCESS, value: item.access ?? 'public' }, { name: 'run_as', label: 'Reads with the rights of', options: RUN_AS, value: item.run_as ?? 'caller' }, { name: 'description', label: 'Description', value: item.description ?? '' }];
async function create([label, syntax, content]) {
  const made = await formDialog({ title: `New template: ${label}`, action: 'Create', fields: fields(), submit: async given => {
    const text = typeof content === 'string' ? content : await content(), item = await post('/admin/templates', { ...given, syntax, content: text, instead_of: '' });
    if (text.includes(LAYOUT) && !items.some(other => other.name === LAYOUT) && item.name !== LAYOUT) {
      try {
        take(await post('/admin/templates', { name: LAYOUT, syntax: 'jinja', content: FRAME, instead_of: '' }));
        toast(`${LAYOUT} is created, too: the frame around your pages.`);
      } catch (error) {
        if (error.code !== 'name_taken') throw error; // somebody else has made one meanwhile
      }
    }
    return item;
  } });
  if (made) await choose(take(made));
}
async function settings() {
  const made = await formDialog({ title: `Settings of ${current.name}`, action: 'Save', fields: fields(current), submit: given => put(route(current), changed(current, given)) });
  if (!made) return;
  toast(`${made.name} is changed.`);
  const item = take(made);
  draw();
  await warn(item, () => act(settings));
}
async function front() {
  const item = current, text = await askFront(textOf(item).value, item.name, items.map(other => other.name).filter(name => name.startsWith('layouts/')));
  if (text !== undefined && item === current) pane.replace(text);
}
async function remove() {
  const item = current;
  if (!await confirm({ title: `Delete ${item.name}`, text: 'The template and its versions are gone for good, and so is its page.', action: `Delete ${item.name}` })) return;
  await del(route(item));
  items = items.filter(other => other !== item);
  texts.get(item.id)?.dispose();
  texts.delete(item.id);
  toast(`${item.name} is deleted.`);
  if (items.length) await choose(items[0]); else nothing();
}
function versions() {
  const box = h('div', { class: 'dialog-body' });
  const el = dialog(`Versions of ${current.name}`, box, { wide: true });
  act(() => listVersions(box, { path: route(current), field: 'content', language: LANGUAGES[current.syntax], text: () => textOf(current).value, dirty: () => isDirty(current), restored: item => { const text = textOf(current); el.close(); text.base = text.value = item.content; take(item); draw(); } }));
}

async function upload(list) {
  try {
    for (const file of list) {
      const form = new FormData();
      form.append('file', file);
      form.append('path', file.name);
      await send('POST', '/admin/assets', form);
    }
  } finally { // those before one that failed are there
    $('#upload').value = ''; // or the same file, mended, could not be chosen again
    files = await get('/admin/assets');
    draw();
  }
  if (list.length) toast(list.length === 1 ? `${list[0].name} is uploaded.` : `${list.length} files are uploaded.`);
}
function fileMenu(file, anchor) {
  menu(anchor, [
    { label: 'Copy its address', icon: 'link', run: () => act(() => copy(file.url, 'The address')) },
    { label: 'Open it', icon: 'external-link', run: () => window.open(file.url, '_blank', 'noopener') },
    { label: 'Delete', icon: 'trash-2', danger: true, run: () => act(async () => {
      if (!await confirm({ title: `Delete ${file.path}`, text: 'Pages that use it will have a gap.', action: `Delete ${file.path}` })) return;
      await del(`/admin/assets/${file.path.split('/').map(encodeURIComponent).join('/')}`);
      files = await get('/admin/assets');
      draw();
    }) },
  ]);
}
$('#upload').addEventListener('change', event => act(() => upload([...event.target.files])));
$('#explorer').addEventListener('dragover', event => event.preventDefault());
$('#explorer').addEventListener('drop', event => { event.preventDefault(); act(() => upload([...event.dataTransfer.files])); });

const newItems = () => [...SNIPPETS.map(snippet => ({ label: snippet[0], icon: 'file-plus-2', run: () => act(() => create(snippet)) })), { label: 'Upload files', icon: 'upload', run: () => $('#upload').click() }];
function nothing() {
  current = null;
  pane.show(new Text('', 'jinja'));
  pane.readOnly = true;
  draw();
  fill($('#preview'), empty('app-window', 'No pages yet', 'Pages are templates at addresses of this cenv, cached but never older than the data they show.', button('Write the first one', { kind: 'primary', 'aria-haspopup': 'menu', onclick: event => menu(event.currentTarget, newItems()) })));
}

narrow($('#filter'), draw, '#list .tree-row');
$('#new').addEventListener('click', event => menu(event.currentTarget, newItems()));
$('#save').addEventListener('click', event => event.currentTarget.ariaDisabled !== 'true' && act(saveIt));
$('#publish').addEventListener('click', event => act(publish, event.currentTarget));
$('#settings').addEventListener('click', () => act(settings));
$('#front').addEventListener('click', () => act(front));
$('#more').addEventListener('click', event => menu(event.currentTarget, [{ label: 'Settings', icon: 'sliders-horizontal', run: () => act(settings) }, ...(current.syntax === 'markdown' ? [{ label: 'Front matter', icon: 'table-properties', run: () => act(front) }] : []), { label: 'Versions', icon: 'history', run: versions }, ...(current.published && !current.name.includes('{') ? [{ label: 'Open the page', icon: 'external-link', run: () => window.open(pagePath(current), '_blank', 'noopener') }] : []), { label: 'Delete', icon: 'trash-2', danger: true, run: () => act(remove) }]));
document.addEventListener('wce:signed-in', previewSoon);
addEventListener('beforeunload', event => { if (items.some(isDirty)) event.preventDefault(); });
addCommand({ label: 'New template or file', icon: 'plus', group: 'Pages', run: () => $('#new').click() });

begin(async () => {
  const [list, found] = await Promise.all([get('/admin/templates'), get('/admin/assets'), learnAuthors()]);
  items = list.templates.sort((a, b) => a.name.localeCompare(b.name));
  files = found;
  const asked = items.find(item => `#${item.name}` === decoded(location.hash)) ?? items[0];
  if (asked) await choose(asked); else nothing();
  document.body.dataset.ready = '';
}, $('#list'));
