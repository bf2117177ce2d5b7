// Toasts and dialogs.
import { Problem } from './api.js';
import { $, $$, button, debounce, empty, fill, h, icon } from './dom.js';

const TOAST_MS = 5000, LETTER_MS = 90, UNDO_MS = 30_000; // as slowly as it is read out; who presses no mouse needs time for the way to a button

/** Notes stand in the uppermost dialog while one is open: what is outside of it can be neither read nor pressed. */
function placeNotes() {
  const at = $$('dialog.dialog[open]').at(-1) ?? document.body, notes = $('#toasts');
  if (notes.parentElement !== at) at.append(notes);
}

/** A note at the corner. `action` {label, run} adds a button, as for undo. */
export function toast(text, { kind = 'info', action } = {}) {
  const names = { info: 'circle-check', error: 'circle-alert' };
  const note = h('div', { class: `toast ${kind === 'error' ? 'failed' : ''}` }, icon(names[kind]), h('p', {}, text));
  if (action) note.append(h('button', { type: 'button', onclick: () => { note.remove(); action.run(); } }, action.label));
  note.append(h('button', { type: 'button', class: 'toast-close', 'aria-label': 'Dismiss', onclick: () => note.remove() }, icon('x')));
  placeNotes();
  $('#toasts').append(note);
  let timer;
  const leave = () => { clearTimeout(timer); timer = setTimeout(() => note.remove(), action ? UNDO_MS : Math.max(kind === 'error' ? 2 * TOAST_MS : TOAST_MS, text.length * LETTER_MS)); };
  for (const over of ['pointerenter', 'focusin']) note.addEventListener(over, () => clearTimeout(timer)); // whoever reads it or is about to press its button has time
  for (const away of ['pointerleave', 'focusout']) note.addEventListener(away, leave);
  leave();
}

const say = debounce(text => { $('#told').textContent = text; }, 600); // not at each letter
/** Draw a list anew while somebody types in its filter, and say how many of `items`, a selector, are left. */
export function narrow(input, draw, items) {
  input.addEventListener('input', () => {
    draw();
    const left = $$(items).length;
    say(left === 1 ? '1 entry found' : `${left} entries found`);
  });
}

/** A note that the next page shows. */
export const toastNext = text => sessionStorage.setItem('toast', text);
const waiting = sessionStorage.getItem('toast');
if (waiting) { sessionStorage.removeItem('toast'); toast(waiting); }

/** Show what went wrong; mistakes of our own go on to the console. */
export function fail(error) {
  if (error.name === 'AbortError') return;
  toast(error instanceof Problem ? error.message : 'Something went wrong on this page. Reload it and try again.', { kind: 'error' });
  if (!(error instanceof Problem)) throw error;
}

/** Put a text on the clipboard and say so. Over plain HTTP, as in an office's own network, browsers have the old way only. */
export async function copy(text, what) {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else {
    const held = document.activeElement, area = h('textarea', { class: 'sr', 'aria-label': what, value: text });
    (held.closest('dialog') ?? document.body).append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    held.focus();
    if (!done) { toast('This browser does not let pages copy: select the text and copy it yourself.', { kind: 'error' }); return; }
  }
  toast(`${what} is on the clipboard.`);
}

/** Run an async act from an event and show its failure; `el`, where given, is off meanwhile, and has the focus again where it had it. */
export async function act(run, el) {
  const held = el && document.activeElement === el;
  if (el) el.disabled = true;
  try { return await run(); } catch (error) { fail(error); } finally {
    if (el) el.disabled = false;
    if (held && document.activeElement === document.body) el.focus();
  }
}

/** Run what fills `box` first; where it fails, the box says why and offers to try again, instead of looking busy for ever. */
export async function begin(run, box) {
  try { await run(); } catch (error) {
    if (!(error instanceof Problem) || !box.hasAttribute('aria-busy')) { fail(error); return; }
    const again = button('Try again', { icon: 'rotate-ccw', onclick: () => { box.setAttribute('aria-busy', 'true'); box.replaceChildren(); begin(run, box); } });
    const told = empty('circle-alert', 'This could not be loaded', error.message, again);
    fill(box, box.tagName === 'UL' ? h('li', {}, told) : told).removeAttribute('aria-busy');
  }
}

const touched = new Set(); // dialogs in which something was typed that is lost with them
addEventListener('beforeunload', event => { if ([...touched].some(el => el.open)) event.preventDefault(); });

/** A dialog with a title, content and buttons; answers its element. `close` in the content's events ends it. Escape and a click beside it ask first, where something was typed that is lost then; `remembers` says that nothing is. */
export function dialog(title, content, { wide = false, remembers = false, onclose } = {}) {
  let asking = false;
  const el = h('dialog', { class: `dialog${wide ? ' broad' : ''}`, 'aria-label': title },
    h('header', {}, h('h2', {}, title), h('button', { type: 'button', class: 'btn ghost icon-only', 'aria-label': 'Close', onclick: () => el.close() }, icon('x'))), content);
  const about = $('.dialog-body > p:first-child:not(.form-error)', el); // what it is about is read out with its name
  if (about) { about.id ||= `about-${Math.random().toString(36).slice(2, 7)}`; el.setAttribute('aria-describedby', about.id); }
  el.addEventListener('close', () => { touched.delete(el); placeNotes(); el.remove(); onclose?.(); });
  el.addEventListener('input', () => { if (!remembers) touched.add(el); });
  const leave = async () => {
    if (asking) return;
    asking = true;
    if (!touched.has(el) || await confirm({ title: 'Discard what you typed', text: `What you typed in “${title}” will be lost.`, action: 'Discard it' })) el.close();
    asking = false;
  };
  el.addEventListener('mousedown', event => { if (event.target === el) { event.preventDefault(); leave(); } });
  el.addEventListener('cancel', event => { if (event.target === el && touched.has(el)) { event.preventDefault(); leave(); } });
  // The key itself as well: of two in a row the browser lets nobody stop the second one's cancel.
  el.addEventListener('keydown', event => { if (event.key === 'Escape' && touched.has(el) && !event.defaultPrevented && !event.isComposing) { event.preventDefault(); leave(); } });
  document.body.append(el);
  el.showModal();
  placeNotes();
  return el;
}

/** Ask before something is done. `title` and `action` name the thing ("Delete the table orders"). `typed`, where given, must be typed in. */
export function confirm({ title, text, action, danger = true, typed }) {
  return new Promise(resolve => {
    const ok = h('button', { type: 'submit', class: `btn primary${danger ? ' danger' : ''}`, disabled: Boolean(typed) }, action);
    const name = typed && h('label', { class: 'field' }, h('span', {}, 'Type ', h('code', {}, typed), ' to continue'), h('input', { autocomplete: 'off', oninput: event => { ok.disabled = event.target.value !== typed; } }));
    const form = h('form', { method: 'dialog', onsubmit: event => { event.preventDefault(); done = true; el.close(); } },
      h('div', { class: 'dialog-body' }, [text].flat().map(part => (typeof part === 'string' ? h('p', {}, part) : part)), name), h('footer', {}, button('Cancel', { onclick: () => el.close() }), ok));
    let done = false;
    const el = dialog(title, form, { onclose: () => resolve(done) });
    (name ? $('input', name) : ok).focus();
  });
}

/** What a text that is required holds besides blanks, which only look like nothing: SQLite takes "" for a name. */
export const SOMETHING = { pattern: '\\s*\\S.*', title: 'More than blanks' };

/** A field of a form: {name, label, type, value, options, hint, required, autocomplete, placeholder, mono, rows}. */
export function field({ name, label, type = 'text', value = '', options, hint, ...more }) {
  const id = `f-${name}-${Math.random().toString(36).slice(2, 7)}`, told = hint && `${id}-hint`;
  const common = { id, name, 'aria-describedby': told, required: more.required, autocomplete: more.autocomplete ?? 'off', placeholder: more.placeholder, class: more.mono && 'mono', spellcheck: more.mono && 'false' };
  let input;
  if (options) input = h('select', common, options.map(item => { const [key, text] = Array.isArray(item) ? item : [item, item]; return h('option', { value: key, selected: String(key) === String(value) }, text); }));
  else if (type === 'textarea') input = h('textarea', { ...common, rows: more.rows ?? 4, value });
  else if (type === 'lines') input = h('textarea', { ...common, rows: 1, value, onkeydown: event => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); input.form.requestSubmit(); } } }); // an input would drop the ends of lines
  else if (type === 'checkbox') input = h('input', { ...common, type, checked: Boolean(value) });
  else input = h('input', { ...common, ...(more.required && type === 'text' && SOMETHING), type, value, min: more.min, max: more.max, step: more.step });
  const error = h('p', { class: 'field-error', hidden: true });
  const note = hint && h('small', { id: told }, hint);
  if (type === 'checkbox') return h('div', { class: 'field', dataset: { field: name } }, h('label', { class: 'check' }, input, h('span', {}, label)), note, error);
  return h('div', { class: 'field', dataset: { field: name } }, h('label', { for: id }, label), input, note, error);
}

/** What a form holds: checkboxes as true and false, numbers as numbers, files as files, everything else as text. A field may be called as the form's own property, "elements" perhaps. */
export function values(form) {
  return Object.fromEntries($$('input, select, textarea', form).filter(el => el.name).map(el => [el.name, el.type === 'checkbox' ? el.checked : el.type === 'file' ? el.files[0] ?? null : el.type === 'number' ? (el.value === '' ? null : Number(el.value)) : el.value]));
}

/** Take an error away from its field. */
function calm(place) {
  const line = $('.field-error', place);
  for (const input of place.querySelectorAll('[aria-invalid]')) {
    const told = input.getAttribute('aria-describedby').replace(line.id, '').trim();
    if (told) input.setAttribute('aria-describedby', told); else input.removeAttribute('aria-describedby');
    input.removeAttribute('aria-invalid');
  }
  line.hidden = true;
  line.textContent = '';
}

// What was wrong with a field says nothing about what stands in it now.
document.addEventListener('input', ({ target }) => {
  const place = target.closest?.('[data-field]'), line = target.form && $('.form-error', target.form);
  if (place) calm(place);
  if (line) line.hidden = true;
});

/** Write an error of the server to its fields; what belongs to none goes to the form's own line. */
export function showErrors(form, error) {
  form.querySelectorAll('[data-field]').forEach(calm);
  if (!error) return;
  const rest = [];
  for (const { field: name, message } of error.errors ?? []) {
    const place = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
    if (!place || place.hidden) { rest.push(`${name}: ${message}`); continue; }
    const line = $('.field-error', place), input = $('input, select, textarea', place);
    line.id ||= `${input.id}-error`;
    line.textContent = `${line.textContent} ${message.charAt(0).toUpperCase()}${message.slice(1).replace(/\.$/, '')}.`.trim();
    line.hidden = false;
    if (!input.hasAttribute('aria-invalid')) input.setAttribute('aria-describedby', `${input.getAttribute('aria-describedby') ?? ''} ${line.id}`.trim());
    input.setAttribute('aria-invalid', 'true');
  }
  const first = form.querySelector('[aria-invalid]');
  first?.focus();
  const line = $('.form-error', form);
  line.hidden = Boolean(first) && !rest.length;
  fill(line, icon('circle-alert'), h('span', {}, rest.length ? rest.join('; ') : error.message));
}

/** Let a form send itself through `submit(values)`; errors land at their fields. */
export function wire(form, submit) {
  form.noValidate = false;
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const go = $('[type="submit"]', form), held = document.activeElement === go;
    showErrors(form, null);
    $('.form-error', form).hidden = true;
    go.disabled = true;
    try { await submit(values(form)); } catch (error) {
      if (!(error instanceof Problem)) throw error;
      showErrors(form, error);
    } finally {
      go.disabled = false;
      if (held && document.activeElement === document.body) go.focus();
    }
  });
}

/** A dialog with fields; `submit(values)` may throw a Problem, which is shown at its fields, or answer false to stay. Answers what submit answered, or undefined; where it was closed meanwhile, too, for what was sent is done. */
export function formDialog({ title, text, fields, action, danger = false, submit, wide }) {
  return new Promise(resolve => {
    let answer, sending;
    const form = h('form', { class: 'form' }, h('div', { class: 'dialog-body' }, text && h('p', {}, text), fields.map(item => (item instanceof Element ? item : field(item))), h('p', { class: 'form-error', role: 'alert', hidden: true })),
      h('footer', {}, button('Cancel', { onclick: () => el.close() }), h('button', { type: 'submit', class: `btn primary${danger ? ' danger' : ''}` }, action)));
    const sent = async given => {
      let found;
      try { found = (await submit(given)) ?? true; } catch (error) {
        if (el.isConnected) throw error;
        fail(error); // its fields are gone
        return;
      }
      if (found === false) return;
      answer = found;
      el.close();
    };
    wire(form, given => (sending = sent(given)));
    const el = dialog(title, form, { wide, onclose: () => Promise.allSettled([sending]).then(() => resolve(answer)) });
    ($('input:not([type="checkbox"], [type="hidden"]), select, textarea', form) ?? $('input', form))?.focus();
  });
}

/** A menu under a button: items [{label, icon, run, danger}]. The button has the focus again before one runs, so that a dialog gives it back there. */
export function menu(anchor, items) {
  const box = h('div', { class: 'menu', role: 'menu', 'aria-label': anchor.getAttribute('aria-label') ?? anchor.textContent.trim() }, items.map(item => h('button', { type: 'button', role: 'menuitem', class: item.danger && 'bad', onclick: () => { leave(); anchor.focus(); item.run(); } }, item.icon && icon(item.icon), item.label)));
  const leave = () => { box.remove(); anchor.setAttribute('aria-expanded', 'false'); document.removeEventListener('pointerdown', close, true); };
  const close = event => { if (!box.contains(event.target)) leave(); };
  box.addEventListener('keydown', event => {
    const all = [...box.children], at = all.indexOf(document.activeElement), step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); all.at((at + step) % all.length).focus(); }
    if (event.key === 'Home' || event.key === 'End') { event.preventDefault(); all.at(event.key === 'Home' ? 0 : -1).focus(); }
    if (event.key === 'Escape' || event.key === 'Tab') { if (event.key === 'Escape') event.preventDefault(); leave(); anchor.focus(); } // a dialog around it stays open
  });
  (anchor.closest('dialog') ?? document.body).append(box); // what is outside of an open dialog cannot be reached
  const { left, bottom, right } = anchor.getBoundingClientRect();
  box.style.top = `${Math.min(bottom + 4, innerHeight - box.offsetHeight - 8)}px`;
  box.style.left = `${Math.max(8, left + box.offsetWidth > innerWidth - 8 ? right - box.offsetWidth : left)}px`;
  anchor.setAttribute('aria-expanded', 'true');
  box.firstElementChild?.focus();
  setTimeout(() => document.addEventListener('pointerdown', close, true));
}
