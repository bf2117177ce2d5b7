// Elements without HTML texts: what comes from the server can only ever be text.
const SVG = 'http://www.w3.org/2000/svg';
const SPRITE = new URL('../vendor/icons.svg', import.meta.url).pathname;

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** h('a', {href, class, onclick, dataset: {…}, hidden: true}, 'text', element, [more]) → an element; null and false children are left out. */
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  put(el, props);
  el.append(...flat(children));
  return el;
}

/** The same in SVG. */
export function s(tag, props = {}, ...children) {
  const el = document.createElementNS(SVG, tag);
  put(el, props);
  el.append(...flat(children));
  return el;
}

function put(el, props) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith('aria-') && typeof value === 'boolean') { el.setAttribute(name, String(value)); continue; }
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
    else if (name === 'dataset') Object.assign(el.dataset, value);
    else if (name === 'value' || name === 'checked' || name === 'selected' || name === 'indeterminate') el[name] = value;
    else el.setAttribute(name, value === true ? '' : value);
  }
}

/** Choose the tab for which `is` holds; the panel that all of them control is called by it. */
export function chooseTab(tabs, is) {
  for (const tab of tabs) {
    tab.setAttribute('aria-selected', is(tab));
    if (is(tab)) $('#' + tab.getAttribute('aria-controls')).setAttribute('aria-label', tab.textContent.trim());
  }
}

const flat = children => children.flat(9).filter(child => child !== null && child !== undefined && child !== false);

const controls = el => $$('a[href], button, input, select, textarea, summary, [tabindex]', el);

/** Put children in the place of what the element holds. Whoever had the focus there has it at the same place again, or on the whole where nothing is left that takes it, and not at the top of the page. */
export function fill(el, ...children) {
  const at = el.contains(document.activeElement) ? controls(el).indexOf(document.activeElement) : -1;
  el.replaceChildren(...flat(children));
  if (at < 0) return el;
  const next = controls(el).slice(0, at + 1).findLast(control => !control.disabled && control.checkVisibility());
  if (!next) el.tabIndex = el.getAttribute('tabindex') ?? -1;
  (next ?? el).focus({ preventScroll: true });
  return el;
}

/** An icon of the sprite; for readers of screens it is not there. */
export const icon = (name, cls = '') => s('svg', { class: ('ic ' + cls).trim(), 'aria-hidden': 'true' }, s('use', { href: `${SPRITE}#${name}` }));

/** A button with an icon and a text. */
export const button = (text, { icon: name, kind = '', ...props } = {}) => h('button', { type: 'button', class: `btn ${kind}`.trim(), ...props }, name && icon(name), text);

/** A button that shows its icon only. */
export const iconButton = (label, name, { kind = 'ghost', ...props } = {}) => h('button', { type: 'button', class: `btn icon-only ${kind}`, 'aria-label': label, title: label, ...props }, icon(name));

/** What stands where nothing is yet: says what would be here and how to begin. */
export const empty = (name, title, text, ...actions) => h('div', { class: 'nothing' }, icon(name), h('b', {}, title), h('p', {}, text), actions.length ? h('div', { class: 'acts' }, actions) : null);

/** Whether somebody of a role administers: who looks at the page, where none is named. */
export const administers = (role = document.body.dataset.role) => ['admin', 'owner'].includes(role);

/** The same where there is no table: only administrators make some, and read how. */
export const noTables = (text, ...actions) => (administers() ? empty('table-2', 'No tables yet', text, ...actions)
  : empty('table-2', 'No tables for you yet', 'Tables that an administrator lets you use are listed here. Ask for a permission.'));

/** What a part of an address says; one that is not well encoded stands for itself, as for the server. */
export function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

/** Run no more often than every `ms`, and with the last arguments. */
export function debounce(run, ms = 250) {
  let timer;
  return (...args) => { clearTimeout(timer); timer = setTimeout(run, ms, ...args); };
}
