// A file of rows into a table: first what it would become, then the rows, all or none.
import { Problem, post } from './api.js';
import { shown } from './cells.js';
import { $, button, fill, h } from './dom.js';
import { plural } from './format.js';
import { dialog, field, fail, showErrors, toastNext } from './ui.js';

const TYPES = ['INTEGER', 'REAL', 'TEXT'];
const NEW = '';
const WORKBOOK = /\.(xls[xmb]?|ods|numbers)$/i; // of office programs

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
    let found, done, sending, heads = [], looks = 0, guess = '';
    const choice = field({ name: 'into', label: 'Into', value: into, options: [[NEW, 'A new table'], ...tables.map(name => [name, name])] });
    const file = field({ name: 'file', label: 'CSV, JSON or NDJSON file', type: 'file', required: true, hint: 'In UTF-8. The first line of a CSV file names its columns. A column named id becomes the key of a new table if it has a different whole number in each row.' });
    const name = field({ name: 'table', label: 'Name of the new table', mono: true });
    const picture = h('div', { class: 'stack', role: 'status' });
    const go = h('button', { type: 'submit', class: 'btn primary', disabled: true }, 'Import');
    const box = h('form', { class: 'form' }, h('div', { class: 'dialog-body' }, file, choice, name, picture, h('p', { class: 'form-error', role: 'alert', hidden: true })),
      h('footer', {}, h('button', { type: 'button', class: 'btn', onclick: () => el.close() }, 'Cancel'), go));
    const chosen = () => $('input', file).files[0];
    const target = () => $('select', choice).value || $('input', name).value.trim();
    const mode = () => ($('select', choice).value ? 'append' : 'create');
    const kinds = () => (mode() === 'create' && heads.length ? heads.map(([called, type]) => ({ name: called.value.trim(), type: type.value })) : undefined);

    function head({ name: called, type }, at) {
      if (mode() !== 'create') return h('th', {}, h('span', { class: 'col-head' }, called, ' ', h('small', {}, type)));
      const seen = () => look(true);
      heads[at] = [h('input', { class: 'cell-filter', value: called, size: '10', placeholder: 'name', 'aria-label': `Name of column ${at + 1}`, autocomplete: 'off', spellcheck: 'false', onchange: seen }),
        h('select', { 'aria-label': `Type of ${called || `column ${at + 1}`}`, onchange: seen }, TYPES.map(each => h('option', { value: each, selected: each === type }, each)))];
      return h('th', {}, h('span', { class: 'col-head in-row firm' }, heads[at]));
    }

    /** The heads stay as they are while somebody types in them. */
    function draw(keep) {
      if (!keep) {
        heads = [];
        fill(picture, h('p'), h('div', { class: 'scroll-x bounded', tabindex: '0', role: 'region', 'aria-label': 'Preview' }, h('table', { class: 'grid' }, h('thead', {}, h('tr', {}, found.columns.map(head))), h('tbody'))), h('ul', { class: 'plain bad' }));
      }
      fill($('p', picture), `${plural(found.row_count, 'row')}, ${plural(found.columns.length, 'column')}. ${found.rows.length ? 'The first of them:' : ''}`);
      fill($('tbody', picture), found.rows.map(row => h('tr', {}, row.map(value => h('td', {}, shown(value))))));
      fill($('ul', picture), found.errors.slice(0, 10).map(({ line, message }) => h('li', {}, `Line ${line}: ${message}`)));
      go.disabled = found.errors.length > 0;
      go.textContent = `Import ${plural(found.row_count, 'row')}`;
    }

    async function look(keep = false) {
      name.hidden = mode() === 'append';
      if (!keep) go.disabled = true; // else the click that ends the typing would be lost
      if (!chosen()) return;
      const called = $('input', name), mine = ++looks;
      if (called.value === guess) called.value = guess = proposed(chosen().name); // another file, another name, unless somebody has typed one
      showErrors(box, null);
      $('.form-error:not(.field-error)', box).hidden = true;
      if (WORKBOOK.test(chosen().name)) {
        fill(picture);
        showErrors(box, new Problem(422, { errors: [{ field: 'file', message: 'A workbook is not read. Save its sheet as “CSV UTF-8” there, and choose that file' }] }));
        return;
      }
      if (!keep) { heads = []; fill(picture, h('p', { class: 'dim' }, 'Reading the file…')); }
      try {
        const answer = await post('/admin/tables/import', form(chosen(), target(), mode(), keep ? kinds() : undefined, true));
        if (mine !== looks) return; // something else has been chosen or typed since
        found = answer;
        draw(keep && heads.length > 0);
      } catch (error) {
        if (mine !== looks) return;
        if (!(error instanceof Problem)) { fail(error); return; }
        for (const item of error.errors) if (item.field === 'format') Object.assign(item, { field: 'file', message: 'is no CSV, JSON or NDJSON file by its name' });
        if (!keep) fill(picture, !error.status && button('Try again', { icon: 'rotate-ccw', kind: 'sm fit', onclick: () => look() }));
        showErrors(box, error);
      }
    }

    async function load() {
      const held = document.activeElement === go;
      looks += 1; // what is looked at no longer counts
      go.disabled = true;
      try {
        const { table, rows } = await post('/admin/tables/import', form(chosen(), target(), mode(), kinds(), false));
        toastNext(`${plural(rows, 'row')} imported into ${table}.`);
        done = table;
        el.close();
      } catch (error) {
        go.disabled = false;
        if (held) go.focus();
        if (error.status === 0 && mode() === 'append') error.message = `No answer came. The rows may be in ${target()} already: look there before you import them again.`;
        if (error instanceof Problem && el.isConnected) showErrors(box, error); else fail(error);
      }
    }

    box.addEventListener('submit', event => { event.preventDefault(); sending = load(); });
    $('input', file).addEventListener('change', () => look());
    $('select', choice).addEventListener('change', () => look());
    $('input', name).addEventListener('change', () => look(true));
    const el = dialog('Import a file', box, { wide: true, onclose: () => Promise.allSettled([sending]).then(() => resolve(done)) });
  });
}
