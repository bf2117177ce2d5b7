// A file of rows into a table: first what it would become, then the rows, all or none.
import { post } from './api.js';
import { shown } from './cells.js';
import { $, fill, h } from './dom.js';
import { plural } from './format.js';
import { dialog, field, fail, showErrors, toastNext } from './ui.js';

const TYPES = ['INTEGER', 'REAL', 'TEXT'];
const NEW = '';

/** A name for the table out of the file's. */
const proposed = name => name.replace(/\.[^.]+$/, '').trim().toLowerCase().replace(/[^\p{L}\p{N}_]+/gu, '_').replace(/^_+|_+$/g, '') || 'rows';

function form(file, table, mode, columns, preview) {
  const data = new FormData();
  for (const [name, value] of Object.entries({ table, mode, preview: String(preview), ...(columns && { columns: JSON.stringify(columns) }) })) data.set(name, value);
  data.set('file', file);
  return data;
}

/** Ask for a file and load it; resolves to the table's name, or undefined. `into` fixes the table. */
export function importFile(tables, into = NEW) {
  return new Promise(resolve => {
    let found, done;
    const choice = field({ name: 'into', label: 'Into', value: into, options: [[NEW, 'A new table'], ...tables.map(name => [name, name])] });
    const file = field({ name: 'file', label: 'CSV, JSON or NDJSON file', type: 'file', required: true, hint: 'In UTF-8. A CSV file begins with the names of its columns.' });
    const name = field({ name: 'table', label: 'Name of the new table', mono: true });
    const picture = h('div', { class: 'stack', role: 'status' });
    const go = h('button', { type: 'submit', class: 'btn primary', disabled: true }, 'Import');
    const box = h('form', { class: 'form' }, h('div', { class: 'dialog-body' }, file, choice, name, picture, h('p', { class: 'form-error', role: 'alert', hidden: true })),
      h('footer', {}, h('button', { type: 'button', class: 'btn', onclick: () => el.close() }, 'Cancel'), go));
    const chosen = () => $('input', file).files[0];
    const target = () => $('select', choice).value || $('input', name).value.trim();
    const mode = () => ($('select', choice).value ? 'append' : 'create');
    const kinds = () => (mode() === 'create' && found ? found.columns.map((column, at) => ({ name: column.name, type: $(`[name="type-${at}"]`, picture)?.value ?? column.type })) : undefined);

    function draw() {
      const pick = (column, at) => (mode() === 'create' ? h('select', { name: `type-${at}`, 'aria-label': `Type of ${column.name}`, onchange: () => look(true) }, TYPES.map(type => h('option', { value: type, selected: type === column.type }, type))) : h('small', {}, column.type));
      fill(picture, h('p', {}, `${plural(found.row_count, 'row')}, ${plural(found.columns.length, 'column')}. The first of them:`),
        h('div', { class: 'scroll-x bounded', tabindex: '0', role: 'region', 'aria-label': 'Preview' }, h('table', { class: 'grid' }, h('thead', {}, h('tr', {}, found.columns.map((column, at) => h('th', {}, h('span', { class: 'head' }, column.name, ' ', pick(column, at)))))),
          h('tbody', {}, found.rows.map(row => h('tr', {}, (Array.isArray(row) ? row : found.columns.map(column => row[column.name])).map(value => h('td', {}, shown(value)))))))),
        found.errors.length > 0 && h('ul', { class: 'plain bad' }, found.errors.slice(0, 10).map(({ line, message }) => h('li', {}, `Line ${line}: ${message}`))));
      go.disabled = found.errors.length > 0;
      go.textContent = `Import ${plural(found.row_count, 'row')}`;
    }

    async function look(keep = false) {
      name.hidden = mode() === 'append';
      go.disabled = true;
      if (!chosen()) return;
      if (!$('input', name).value) $('input', name).value = proposed(chosen().name);
      showErrors(box, null);
      $('.form-error:not(.field-error)', box).hidden = true;
      try {
        found = await post('/admin/tables/import', form(chosen(), target(), mode(), keep ? kinds() : undefined, true));
        draw();
      } catch (error) {
        if (!error.status) { fail(error); return; }
        picture.replaceChildren();
        showErrors(box, error);
      }
    }

    box.addEventListener('submit', async event => {
      event.preventDefault();
      go.disabled = true;
      try {
        const { table, rows } = await post('/admin/tables/import', form(chosen(), target(), mode(), kinds(), false));
        toastNext(`${plural(rows, 'row')} came into ${table}.`);
        done = table;
        el.close();
      } catch (error) {
        if (!error.status) { fail(error); return; }
        showErrors(box, error);
        go.disabled = false;
      }
    });
    $('input', file).addEventListener('change', () => { found = undefined; look(); });
    $('select', choice).addEventListener('change', () => look());
    $('input', name).addEventListener('change', () => look(true));
    const el = dialog('Import a file', box, { wide: true, onclose: () => resolve(done) });
  });
}
