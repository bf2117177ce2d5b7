// The frame of every page: theme, drawers, palette, signing out.
import { CENV, get, post, rowsUrl, whenEnded } from './api.js';
import { $, $$, fill, h, icon } from './dom.js';
import { again } from './sign-in.js';
import { act } from './ui.js';

const root = document.documentElement;
export const isDark = () => root.dataset.theme === 'dark' || (root.dataset.theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);

const colors = new Map(); // of the theme that is on: asking the browser costs a whole round of its styles
/** A token's colour as the browser resolves it now. */
export function color(token) {
  if (!colors.has(token)) {
    const probe = document.body.appendChild(h('i', { hidden: true }));
    probe.style.color = `var(--${token})`;
    colors.set(token, getComputedStyle(probe).color);
    probe.remove();
  }
  return colors.get(token);
}

const tellTheme = () => $('#theme')?.setAttribute('aria-pressed', isDark());
tellTheme();
function themed() {
  tellTheme();
  colors.clear();
  document.dispatchEvent(new Event('wce:theme'));
}
function toggleTheme() {
  root.dataset.theme = isDark() ? 'light' : 'dark';
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  themed();
}
$('#theme')?.addEventListener('click', toggleTheme);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', themed);

whenEnded(again);

const signOut = () => act(async () => { await post('/logout'); location.assign(`${CENV}/login`); });
$('#sign-out')?.addEventListener('click', signOut);

/** Open or close a drawer, of which there are some on small screens: the focus goes into it, and back to its button. */
function drawer(name, open) {
  const el = $(`[data-drawer="${name}"]`), opener = $(`[data-open="${name}"]`), inside = el.contains(document.activeElement);
  document.body.classList.toggle(`open-${name}`, open);
  opener.setAttribute('aria-expanded', open);
  if (open) $('[data-close]', el).focus(); else if (inside && opener.checkVisibility()) opener.focus();
}
/** Close the drawers that do not hold `target`. */
export function closeDrawers(target) {
  for (const el of $$('[data-drawer]')) if (document.body.classList.contains(`open-${el.dataset.drawer}`) && !(target && el.contains(target))) drawer(el.dataset.drawer, false);
}
document.addEventListener('focusin', ({ target }) => { if (!target.closest('.menu, dialog')) closeDrawers(target); });

document.addEventListener('click', event => {
  const opener = event.target.closest('[data-open], [data-close]');
  if (opener?.dataset.open === 'palette') openPalette();
  else if (opener) drawer(opener.dataset.open ?? opener.dataset.close, Boolean(opener.dataset.open));
  else closeDrawers(event.target);
});
document.addEventListener('keydown', event => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k' && !event.shiftKey && !event.altKey) { event.preventDefault(); openPalette(); }
  if (event.key === 'Escape' && !$('dialog[open], .menu')) closeDrawers();
});

// Arrow keys walk over tabs.
document.addEventListener('keydown', event => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], list = step && event.target.closest?.('[role="tab"]') && event.target.closest('[role="tablist"]');
  if (!list) return;
  const all = $$('[role="tab"]', list).filter(tab => tab.checkVisibility());
  event.preventDefault();
  all.at((all.indexOf(event.target) + step) % all.length).click();
  $('[aria-selected="true"]', list)?.focus();
});

// The palette: every screen, every table, a few acts.
const palette = $('#palette'), commands = [];
/** Add a command of the screen's own to the palette: {label, icon, group, run} or {…, href}. */
export const addCommand = command => commands.push(command);
let tables = null;
function paletteItems() {
  const links = $$('#side a[href]').filter(a => a.closest('ul')).map(a => ({ label: a.querySelector('span').textContent, icon: a.dataset.icon, group: a.dataset.group || 'Overview', href: a.getAttribute('href') }));
  const acts = [
    { label: isDark() ? 'Switch to light' : 'Switch to dark', icon: isDark() ? 'sun' : 'moon', group: 'Appearance', run: toggleTheme },
    { label: 'Sign out', icon: 'log-out', group: 'Account', run: signOut },
  ];
  const data = $('#side a[href$="/data"]');
  return [...commands, ...links, ...(data ? (tables ?? []).map(name => ({ label: name, icon: 'table-2', group: 'Table', href: rowsUrl(name) })) : []), ...acts];
}
function listPalette() {
  const asked = $('input', palette).value.toLowerCase().split(/\s+/);
  const found = paletteItems().filter(item => asked.every(word => `${item.label} ${item.group}`.toLowerCase().includes(word)));
  fill($('ul', palette), found.slice(0, 60).map((item, i) => {
    const row = item.href ? h('a', { href: item.href }) : h('button', { type: 'button', onclick: () => { palette.close(); item.run(); } });
    row.append(icon(item.icon ?? 'chevron-right'), h('span', {}, item.label), h('small', {}, item.group));
    Object.assign(row, { id: `p${i}`, tabIndex: -1 });
    row.setAttribute('role', 'option');
    return h('li', { role: 'presentation' }, row);
  }));
  $('[role="status"]', palette).textContent = found.length ? '' : 'Nothing matches.';
  $('input', palette).setAttribute('aria-expanded', found.length > 0);
  choose(0);
}
function choose(at) {
  const rows = $$('[role="option"]', palette);
  rows.forEach((row, i) => row.setAttribute('aria-selected', i === at));
  rows[at]?.scrollIntoView({ block: 'nearest' });
  $('input', palette).setAttribute('aria-activedescendant', rows[at]?.id ?? '');
}
function openPalette() {
  if (!palette || palette.open) return;
  palette.showModal();
  $('input', palette).value = '';
  listPalette();
  if (tables === null && $('#side a[href$="/data"]')) {
    tables = [];
    get('/tables', { quiet: true }).then(answer => { tables = answer.tables.map(table => table.name); listPalette(); }, () => { tables = null; });
  }
}
palette?.addEventListener('input', listPalette);
palette?.addEventListener('keydown', event => {
  const rows = $$('[role="option"]', palette), at = rows.findIndex(row => row.getAttribute('aria-selected') === 'true');
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && rows.length) { event.preventDefault(); choose((at + step + rows.length) % rows.length); }
  if (event.key === 'Enter') { event.preventDefault(); rows[at]?.click(); }
});
palette?.addEventListener('click', event => { if (event.target === palette) palette.close(); });
