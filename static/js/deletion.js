// Rows that are deleted, and what brings them back as they were.
import { Problem, ident, writeOnce } from './api.js';
import { isLarge } from './cells.js';

/** JSON does not say of these what they are: digits may be an integer, and NULL an infinite number. */
const unclear = value => value === null || (typeof value === 'string' && /^-?\d{16,}$/.test(value));
const literal = name => `CASE typeof(${name}) WHEN 'integer' THEN CAST(${name} AS TEXT) WHEN 'real' THEN iif(${name} > 0, '9e999', '-9e999') END`;

/** The statements for a row of {where, keyOf, columns, valueOf}: what it holds exactly, and its deletion. */
function statementsFor(row, into, { where, keyOf, columns, valueOf, undo }) {
  const params = keyOf(row), exactly = name => { const value = valueOf(row, name); return isLarge(value) ? `${ident(name)}` : unclear(value) && `${literal(ident(name))} AS ${ident(name)}`; };
  const look = (undo && columns.map(exactly).filter(Boolean).join(', ')) || 'NULL';
  return [{ sql: `SELECT ${look} FROM ${into} WHERE ${where}`, params }, { sql: `DELETE FROM ${into} WHERE ${where}`, params }];
}

/**
 * Delete rows of a table in one transaction. `where` and `keyOf(row)` find a row, `columns` are what it holds, `valueOf(row, name)` answers that; `rowid` is what a row without a key is called by; `undo` says whether they may come back.
 * Answers {count, restore}: how many there were, and a function that brings them back.
 */
export async function deleteRows({ table, rows, rowid, ...how }) {
  const into = ident(table), { columns, valueOf } = how;
  const { results } = await writeOnce('/transaction', { statements: rows.flatMap(row => statementsFor(row, into, how)) });
  const gone = rows.map((row, i) => [row, results[2 * i].rows[0] ?? {}, results[2 * i + 1].changes]).filter(([, , changes]) => changes);
  const insert = names => ({ statements: gone.map(([row, exact]) => ({
    sql: `INSERT INTO ${into} (${names.map(ident).join(', ')}) VALUES (${names.map(name => (typeof exact[name] === 'string' ? exact[name] : '?')).join(', ')})`,
    params: names.filter(name => typeof exact[name] !== 'string').map(name => exact[name] ?? valueOf(row, name)),
  })) });
  async function restore() {
    try { await writeOnce('/transaction', insert(rowid ? [...columns, rowid] : columns)); } catch (error) {
      if (!rowid || !(error instanceof Problem) || !error.status) throw error;
      await writeOnce('/transaction', insert(columns)); // another row is called so by now
    }
  }
  return { count: gone.length, restore };
}
