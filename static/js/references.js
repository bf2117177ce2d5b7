// SQLite only says that a reference is broken, and not which one.
import { Problem, get } from './api.js';

const isBroken = error => error instanceof Problem && error.code === 'constraint' && /FOREIGN KEY/.test(error.message);
const list = names => [...new Set(names)].join(', ');

/** Say of an error which of the columns that were written refer to a row; where it is one, the error is that field's. */
export function nameReference(error, table, columns) {
  const written = isBroken(error) ? table.references.filter(reference => reference.columns.every(name => columns.includes(name))) : [];
  if (written.length === 1 && written[0].columns.length === 1) error.errors = [{ field: written[0].columns[0], message: `names no row of ${written[0].table} (${written[0].to_columns[0]})` }];
  if (written.length) error.message = `There is no such row: ${written.map(({ columns: from, table: to, to_columns: at }) => `${list(from)} refers to ${to} (${list(at)})`).join(', ')}. (${error.message})`;
  return error;
}

/** Say of an error at a deletion whose rows refer to those that were to go. */
export async function nameReferring(error, table) {
  if (!isBroken(error)) return error;
  const { tables } = await get('/data', { quiet: true }), referring = tables.filter(other => other.references.some(reference => reference.table === table.name)).map(other => other.name);
  if (referring.length) error.message = `Nothing is deleted: rows of ${list(referring)} refer to what would go. (${error.message})`;
  return error;
}
