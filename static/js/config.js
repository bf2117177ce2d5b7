// The settings of a cenv, each with what it means and where its value comes from.
import { CENV, get, put } from './api.js';
import { $, $$, fill, h, icon } from './dom.js';
import { act, begin, showErrors, toast } from './ui.js';

const GROUPS = [['Accounts', /^(session|allow|registration|max_users|max_sessions|totp)/], ['Rate limits', /^rate_/], ['Queries', /^(query|max_connections|max_database|max_assets)/], ['Scripts and pages', /^(script|page)/], ['Backups', /^backup/], ['Other', /./]];
const CHOICES = { registration_role: ['viewer', 'editor'] }; // what the server takes
let known = {};
const words = key => key.charAt(0).toUpperCase() + key.slice(1).replaceAll('_', ' ').replace(/\bmb\b/, '(MiB)').replace(/\bip\b/, 'of an address');

function control(key, { value, type, source }) {
  const common = { id: `c-${key}`, name: key, disabled: source === 'environment', 'aria-describedby': `h-${key}`, dataset: { type } };
  if (type === 'boolean') return h('label', { class: 'switch' }, h('input', { ...common, type: 'checkbox', checked: value, 'aria-label': words(key) }), h('i'), h('span', {}, value ? 'On' : 'Off'));
  if (CHOICES[key]) return h('select', common, CHOICES[key].map(item => h('option', { value: item, selected: item === value }, item)));
  if (type === 'list') return h('textarea', { ...common, rows: 2, value: value.join('\n'), placeholder: 'one per line' });
  return h('input', { ...common, type: type === 'integer' ? 'number' : 'text', value: value ?? '', autocomplete: 'off' });
}

function read(el) {
  if (el.type === 'checkbox') return el.checked;
  if (el.dataset.type === 'list') return el.value.split('\n').map(text => text.trim()).filter(Boolean);
  return el.dataset.type === 'integer' && el.value !== '' ? Number(el.value) : el.value;
}

function state(key, { source, default: usual }) {
  if (source === 'environment') return h('span', { class: 'tag warn', title: 'Set by the operator of the server' }, icon('lock'), 'fixed by the server');
  if (source === 'default') return h('span', { class: 'tag' }, 'default');
  return h('button', { type: 'button', class: 'btn sm', title: `Default: ${Array.isArray(usual) ? usual.join(', ') || 'empty' : usual}`, onclick: event => act(() => save({ [key]: null }, event.currentTarget)) }, 'Reset to default', h('span', { class: 'sr' }, `for ${words(key)}`));
}

const line = ([key, entry]) => h('div', { class: 'field setting', dataset: { field: key } }, h('div', { class: 'setting-head' }, h('label', { for: `c-${key}` }, words(key)), state(key, entry)), control(key, entry), h('small', { id: `h-${key}` }, entry.description), h('p', { class: 'field-error', hidden: true }));

const same = (el, value) => el.disabled || JSON.stringify(read(el)) === JSON.stringify(value);
/** The controls in which something stands that is not saved. */
const typed = () => Object.entries(known).map(([key, { value }]) => [$(`#c-${key}`), value]).filter(([el, value]) => el && !same(el, value)).map(([el]) => el);

/** Write a new title into the frame of this page. */
function call(title) {
  for (const el of $$('.project-name b, .crumbs a')) el.textContent = title;
  $('.project-mark').textContent = title.replace(/^cenv /, '').charAt(0).toUpperCase();
  document.title = document.title.replace(/ · .*$/s, ` · ${title}`);
}

/** Save, and keep what was typed at other settings. */
async function save(changes) {
  const { config } = await put('/admin/config', changes);
  toast(`${Object.keys(changes).map(words).join(', ')}: saved.`);
  if ('title' in changes) call(config.title.value || `cenv ${CENV.slice(1, 9)}`);
  const kept = typed().filter(el => !(el.name in changes));
  show(config);
  for (const { id, value, checked } of kept) {
    const el = $(`#${id}`);
    Object.assign(el, el.type === 'checkbox' ? { checked } : { value });
    el.dispatchEvent(new Event('change', { bubbles: true }));
  }
}

function card(title, entries) {
  const form = h('form', { class: 'form', 'aria-label': title }, entries.map(line), h('p', { class: 'form-error', role: 'alert', hidden: true }), h('button', { type: 'submit', class: 'btn primary fit' }, 'Save'));
  form.noValidate = true;
  form.addEventListener('submit', event => {
    event.preventDefault();
    const changes = {};
    for (const [key, { value }] of entries) {
      const el = form.elements[key];
      if (!same(el, value)) changes[key] = read(el);
    }
    if (!Object.keys(changes).length) { toast('Nothing has changed.'); return; }
    act(async () => { try { await save(changes); } catch (error) { if (!error.errors?.length) throw error; showErrors(form, error); } }, $('[type="submit"]', form));
  });
  form.addEventListener('change', ({ target }) => { if (target.type === 'checkbox') target.parentElement.lastElementChild.textContent = target.checked ? 'On' : 'Off'; });
  return h('section', { class: 'card' }, h('header', { class: 'card-head' }, h('div', {}, h('h2', {}, title))), form);
}

function show(config) {
  known = config;
  let left = Object.entries(config);
  const cards = [];
  for (const [title, rule] of GROUPS) {
    const mine = left.filter(([key]) => rule.test(key));
    left = left.filter(([key]) => !rule.test(key));
    if (mine.length) cards.push(card(title, mine));
  }
  fill($('#config'), cards).removeAttribute('aria-busy');
}

addEventListener('beforeunload', event => { if (typed().length) event.preventDefault(); });
begin(async () => show((await get('/admin/config')).config), $('#config'));
