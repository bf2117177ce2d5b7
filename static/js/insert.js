// A new row of a table, as a form.
import { Problem, ident, writeOnce } from './api.js';
import { isNumeric, misfit, typed } from './cells.js';
import { fileField, isForBytes, read } from './files.js';
import { nameReference } from './references.js';
import { formDialog } from './ui.js';

/** Ask for the values of a new row, and insert it. Answers whether it is there. */
export async function insertRow(table) {
  const open = table.columns.filter(item => !item.generated), doubted = new Map(), labelOf = item => `${item.name}${item.type ? ` · ${item.type}` : ''}`;
  return formDialog({
    title: `Insert into ${table.name}`, action: 'Insert the row', wide: open.length > 6, text: 'Fields left empty get their default. Shift Enter begins a new line.',
    fields: open.map(item => (isForBytes(item) ? fileField({ name: item.name, label: labelOf(item) }) : { name: item.name, label: labelOf(item), placeholder: item.default ?? (item.primary_key ? 'set by the database' : item.not_null ? '' : 'NULL'), type: isNumeric(item.type) ? 'text' : 'lines', mono: true })),
    submit: async given => {
      const files = await read(Object.fromEntries(Object.entries(given).filter(([, value]) => value instanceof File))), odd = open.filter(item => misfit(given[item.name], item.type) && doubted.get(item.name) !== given[item.name]);
      for (const item of odd) doubted.set(item.name, given[item.name]);
      if (odd.length) throw new Problem(422, { errors: odd.map(item => ({ field: item.name, message: misfit(given[item.name], item.type) })) });
      const set = open.filter(item => (given[item.name] ?? '') !== '');
      const sql = set.length ? `(${set.map(item => ident(item.name)).join(', ')}) VALUES (${set.map(() => '?').join(', ')})` : 'DEFAULT VALUES';
      await writeOnce('/query', { sql: `INSERT INTO ${ident(table.name)} ${sql}`, params: set.map(item => files[item.name] ?? typed(given[item.name], item.type)) }).catch(error => { throw nameReference(error, table, set.map(item => item.name)); });
    },
  });
}
