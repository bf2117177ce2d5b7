// A query that was put together from parts, as SQL.
import { name } from './sql.js';

export const SUMMARIES = { rows: 'number of rows', count: 'number of', distinct: 'number of different', sum: 'sum of', avg: 'average of', min: 'smallest', max: 'largest' };
export const OPERATORS = { '=': 'is', '<>': 'is not', '>': 'is more than', '>=': 'is at least', '<': 'is less than', '<=': 'is at most', contains: 'contains', begins: 'begins with', in: 'is one of', null: 'is empty', some: 'is not empty' };
export const PARTS = { whole: 'as it is', '%Y': 'its year', '%Y-%m': 'its month', '%Y-%m-%d': 'its day' };
/** Whether an operator compares with something. */
export const compares = operator => !['null', 'some'].includes(operator);

const ONE_LINE = 72;
const text = value => `'${value.replaceAll("'", "''")}'`;
const like = (value, before) => `${text(before + value.replace(/[\\%_]/g, '\\$&') + '%')}${/[\\%_]/.test(value) ? " ESCAPE '\\'" : ''}`;
const isNumber = value => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value);
const numeric = type => /INT|REAL|NUM|DOUB|FLOA|DEC|BOOL/i.test(type);
const literal = (value, type) => (isNumber(value.trim()) && numeric(type) ? value.trim() : text(value));

/** The columns of one table that lead to those of another, as in ON. */
export const onSql = (from, to) => from.columns.map((column, i) => `${name(from.alias)}.${name(column)} = ${name(to.alias)}.${name(to.columns[i])}`).join(' AND ');

function conditionSql(left, type, { operator, value }) {
  if (operator === 'null') return `${left} IS NULL`;
  if (operator === 'some') return `${left} IS NOT NULL`;
  if (operator === 'contains') return `${left} LIKE ${like(value, '%')}`;
  if (operator === 'begins') return `${left} LIKE ${like(value, '')}`;
  const parts = operator === 'in' ? value.split(',').map(part => part.trim()) : [value];
  // What a view works out has no type, and SQLite holds no number in it equal to a text.
  const [of, as] = /^(any)?$/i.test(type) && parts.every(part => isNumber(part.trim())) ? [`CAST(${left} AS NUMERIC)`, 'NUMERIC'] : [left, type];
  const compared = parts.map(part => literal(part, as)).join(', ');
  return `${of} ${operator === 'in' ? `IN (${compared})` : `${operator} ${compared}`}`;
}

/** Several expressions: in the line of their word, or each in one of its own where that would be long. */
const listed = (word, items) => (word.length + items.join(', ').length < ONE_LINE ? `${word} ${items.join(', ')}` : `${word}\n  ${items.join(',\n  ')}`);

/** What a column, a summary or one of its parts is in the statement: {sql, title, type}. */
export class Names {
  constructor(query) {
    this.query = query;
    this.several = query.sources.length > 1;
    this.titles = new Map(this.titled());
  }

  column({ source, column }) { return `${this.several ? `${name(source.alias)}.` : ''}${name(column.name)}`; }

  picked(item) { return item.part === 'whole' ? this.column(item) : `strftime(${text(item.part)}, ${this.column(item)})`; }

  summary({ kind, of }) { return kind === 'rows' ? 'count(*)' : kind === 'distinct' ? `count(DISTINCT ${this.column(of)})` : `${kind}(${this.column(of)})`; }

  /** Every name of the result once: what would be there twice is told apart by its table. */
  * titled() {
    const used = new Set(), free = wanted => { let found = wanted; for (let i = 2; used.has(found.toLowerCase()); i += 1) found = `${wanted}_${i}`; used.add(found.toLowerCase()); return found; };
    for (const item of this.query.picked) {
      const own = item.part === 'whole' ? item.column.name : { '%Y': 'year', '%Y-%m': 'month', '%Y-%m-%d': 'day' }[item.part];
      yield [item, free(used.has(own.toLowerCase()) && this.several ? `${item.source.alias}_${own}` : own)];
    }
    for (const item of this.query.summaries) yield [item, free(item.kind === 'rows' ? 'rows' : `${item.kind}_${item.of.column.name}`)];
  }
}

/** The statement. `query` holds sources [{alias, table, left, on}], picked [{source, column, part}], summaries [{kind, of}], filters and sorts [{target: a column or a summary, …}], limit. */
export function querySql(query) {
  const names = new Names(query), { sources: [first, ...joined], picked, summaries } = query;
  const as = (sql, title, own) => (title === own ? sql : `${sql} AS ${name(title)}`);
  const results = [...picked.map(item => as(names.picked(item), names.titles.get(item), item.part === 'whole' && item.column.name)), ...summaries.map(item => as(names.summary(item), names.titles.get(item)))];
  const from = source => name(source.table.name) + (source.alias === source.table.name ? '' : ` AS ${name(source.alias)}`);
  const filled = query.filters.filter(filter => !compares(filter.operator) || filter.value.trim());
  const conditions = summed => filled.filter(({ target }) => Boolean(target.kind) === summed).map(filter => (summed ? conditionSql(names.summary(filter.target), 'NUMERIC', filter) : conditionSql(names.column(filter.target), filter.target.column.type, filter)));
  const where = conditions(false), having = conditions(true);
  const sorted = ({ target, down }) => `${names.titles.has(target) ? name(names.titles.get(target)) : names.column(target)}${down ? ' DESC' : ''}`;
  return [
    listed('SELECT', results.length ? results : ['*']), `FROM ${from(first)}`,
    ...joined.map(source => `${source.left ? 'LEFT JOIN' : 'JOIN'} ${from(source)} ON ${source.on}`),
    where.length && `WHERE ${where.join('\n  AND ')}`, summaries.length && picked.length && listed('GROUP BY', picked.map(item => names.picked(item))),
    having.length && `HAVING ${having.join('\n  AND ')}`, query.sorts.length && listed('ORDER BY', query.sorts.map(sorted)), query.limit && `LIMIT ${query.limit}`,
  ].filter(Boolean).join('\n') + ';';
}
