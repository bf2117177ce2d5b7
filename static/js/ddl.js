// Definitions of tables as SQL: written from forms, shown before they run.
import { ident, writeOnce } from './api.js';
import { h } from './dom.js';
import { formDialog, values } from './ui.js';

export const TYPES = ['INTEGER', 'TEXT', 'REAL', 'NUMERIC', 'BLOB'];
const LITERAL = /^([+-]?\d+(\.\d+)?([eE][+-]?\d+)?|NULL|TRUE|FALSE|CURRENT_(TIME|DATE|TIMESTAMP)|'([^']|'')*'|[xX]'[0-9a-fA-F]*'|\(.*\))$/i;

/** A default as SQL: numbers, quoted texts and (expressions) as they are, everything else as a text. */
export const literal = text => (LITERAL.test(text) ? text : `'${text.replaceAll("'", "''")}'`);

/** One column: {name, type, notNull, key, fallback, to: {table, column}}. */
export function columnSql({ name, type, notNull, key, fallback, to }) {
  return [ident(name), type, key && 'PRIMARY KEY', notNull && 'NOT NULL', fallback && `DEFAULT ${literal(fallback)}`, to && `REFERENCES ${ident(to.table)} (${ident(to.column)})`].filter(Boolean).join(' ');
}

export function createSql(name, columns) {
  const keys = columns.filter(column => column.key), alone = keys.length === 1;
  const lines = columns.map(column => columnSql({ ...column, key: column.key && alone }));
  if (keys.length > 1) lines.push(`PRIMARY KEY (${keys.map(column => ident(column.name)).join(', ')})`);
  return `CREATE TABLE ${ident(name)} (\n  ${lines.join(',\n  ')}\n)`;
}

/** Which of TYPES a declared type means to SQLite. */
function affinity(declared) {
  const words = [[/INT/i, 'INTEGER'], [/CHAR|CLOB|TEXT/i, 'TEXT'], [/BLOB/i, 'BLOB'], [/REAL|FLOA|DOUB/i, 'REAL'], [/^$/, '']];
  return (words.find(([pattern]) => pattern.test(declared)) ?? [, 'NUMERIC'])[1];
}

/** The columns that another one may refer to: single keys of tables, and what a unique index is on. */
export const targets = tables => tables.filter(table => table.type === 'table').flatMap(table => {
  const alone = [table.key, ...table.indexes.filter(index => index.unique).map(index => index.columns)].filter(columns => columns.length === 1).flat();
  return table.columns.filter(column => alone.includes(column.name)).map(column => ({ table: table.name, column: column.name, type: affinity(column.type) }));
});
export const targetOptions = found => [['', 'nothing'], ...found.map((to, i) => [i, `${to.table} (${to.column})`])];

/** Whatever `to` refers to from now on, `type` is the one of that: another type would make no two of them equal. */
export function followType(to, type, found) {
  to.addEventListener('change', () => { if (to.value !== '') type.value = found[Number(to.value)].type; });
}

/** A dialog whose fields make a statement, which stands under them and runs when it is sent. Answers the statement, or undefined. */
export function sqlDialog({ sql, fields = [], ...more }) {
  const shown = h('pre', { class: 'listing wrapped', tabindex: '0', 'aria-label': 'The statement that runs' });
  const answer = formDialog({ ...more, fields: [...fields, shown], wide: true, submit: async given => { const text = sql(given); await writeOnce('/query', { sql: text }); return text; } });
  const form = shown.closest('form'), draw = () => { shown.textContent = sql(values(form)); };
  for (const change of ['input', 'change']) form.addEventListener(change, draw);
  draw();
  return answer;
}
