// A new table, column by column.
import { $, $$, button, h, iconButton } from './dom.js';
import { createSql, followType, sqlDialog, targetOptions, targets, TYPES } from './ddl.js';
import { SOMETHING, field } from './ui.js';

/** The inputs of one column; their names are those of its parts. */
function line(found, at, preset = {}) {
  const label = text => `${text} of column ${at}`;
  const select = (part, text, options, value) => h('select', { dataset: { part }, 'aria-label': label(text), title: text }, options.map(([key, shown]) => h('option', { value: key, selected: key === value }, shown)));
  const check = (part, text, on) => h('label', { class: 'check' }, h('input', { type: 'checkbox', dataset: { part }, 'aria-label': label(text), checked: Boolean(on) }), h('span', {}, text));
  const el = h('div', { class: 'field column-line', role: 'group', 'aria-label': `Column ${at}` },
    h('input', { dataset: { part: 'name' }, class: 'mono', required: true, ...SOMETHING, value: preset.name ?? '', placeholder: 'name', 'aria-label': label('Name'), autocomplete: 'off', spellcheck: 'false' }),
    select('type', 'Type', [...TYPES.map(type => [type, type]), ['', 'any type']], preset.type ?? 'TEXT'),
    h('input', { dataset: { part: 'fallback' }, class: 'mono', placeholder: 'default', title: 'A number, a text, or an (expression)', 'aria-label': label('Default'), autocomplete: 'off', spellcheck: 'false' }),
    select('to', 'Refers to', targetOptions(found).map(([key, shown]) => [key, key === '' ? 'refers to nothing' : `→ ${shown}`]), ''),
    check('notNull', 'not null', preset.notNull), check('key', 'key', preset.key),
    iconButton(`Remove column ${at}`, 'x', { onclick: () => {
      const { parentElement } = el, next = el.nextElementSibling ?? el.previousElementSibling;
      el.remove();
      (next ? $('button', next) : parentElement.nextElementSibling).focus();
      parentElement.dispatchEvent(new Event('change', { bubbles: true }));
    } }));
  followType($('[data-part=to]', el), $('[data-part=type]', el), found);
  return el;
}

function columnOf(el, found) {
  const part = name => $(`[data-part=${name}]`, el), to = part('to').value;
  return { name: part('name').value.trim(), type: part('type').value, fallback: part('fallback').value.trim(), notNull: part('notNull').checked, key: part('key').checked, to: to === '' ? null : found[Number(to)] };
}

/** Ask for a table and make it; answers its name, or undefined. `tables` are those that there are. */
export async function newTable(tables) {
  const found = targets(tables);
  let count = 2, name = '';
  const lines = h('div', { class: 'column-lines' }, line(found, 1, { name: 'id', type: 'INTEGER', key: true }), line(found, 2));
  const more = button('Add a column', { icon: 'plus', kind: 'sm fit', onclick: () => { count += 1; lines.append(line(found, count)); $('input', lines.lastElementChild).focus(); } });
  const done = await sqlDialog({
    title: 'New table', action: 'Create the table', fields: [field({ name: 'table', label: 'Name', required: true, mono: true }), h('h3', {}, 'Columns'), lines, more],
    sql: given => { name = given.table.trim(); return createSql(name, $$('.column-line', lines).map(el => columnOf(el, found))); },
  });
  return done && name;
}
