// Values of SQL as people see and type them.
import { h } from './dom.js';
import { bytes } from './format.js';

const LONG = 120;

/** Bytes, or the {$size} of many that were not asked for yet. */
export const isBlob = value => typeof value === 'object' && value !== null;
export const isLarge = value => isBlob(value) && '$size' in value;
export const blobSize = value => value.$size ?? Math.floor(value.$base64.replace(/=+$/, '').length * 3 / 4);

/** A cell's content; long texts are cut, and the viewer shows the whole. */
export function shown(value) {
  if (value === null) return h('em', { class: 'null' }, 'NULL');
  if (isBlob(value)) return h('em', { class: 'null' }, `BLOB ${bytes(blobSize(value))}`);
  const text = String(value);
  return text.length > LONG ? `${text.slice(0, LONG)}…` : text;
}

export const isNumeric = type => /INT|REAL|NUM|DOUB|FLOA|DEC|BOOL/i.test(type);

/** Why a text is no number in a column of numbers; undefined where all is well. */
function oddity(text, type) {
  if (!isNumeric(type) || text.trim() === '' || Number.isFinite(Number(text))) return undefined;
  const meant = text.trim().replace(/^(-?\d+),(\d+)$/, '$1.$2');
  return meant === text.trim() ? 'This is not a number' : `A number has a decimal point: ${meant}`;
}

/** What to say of a text that a column of numbers would keep as a text; undefined where all is well. */
export function misfit(text, type) {
  const odd = oddity(text, type);
  return odd && `${odd}. Enter once more keeps it as text.`;
}

/** What somebody typed, as the column's type would have it: numbers stay numbers, an empty text of a column that is no text is NULL. */
export function typed(text, type) {
  const numeric = isNumeric(type);
  if (text === '' && (numeric || /BLOB|DATE|TIME/i.test(type))) return null;
  if (numeric && /^\s*-?\d{1,15}\s*$/.test(text)) return Number(text);
  return numeric && text.trim() !== '' && Number.isFinite(Number(text)) && !/^\s*-?\d+\s*$/.test(text) ? Number(text) : text;
}

const comparison = text => /^(<=|>=|<>|!=|=|<|>)\s*(.*)$/s.exec(text.trim());
/** What stands between quotes, as SQL has them: a text just as it is. */
const quoted = text => /^'((?:[^']|'')*)'$/.exec(text)?.[1].replaceAll("''", "'");

/** A filter that finds this value and no other one. */
export const exactly = value => `= ${typeof value === 'string' && /^\s|\s$|^'/.test(value) ? `'${value.replaceAll("'", "''")}'` : value}`;

/** What to say of a filter that compares a column of numbers with something that is none; undefined where all is well. */
export function oddFilter(text, type) {
  const asked = comparison(text)?.[2] ?? '';
  return quoted(asked) === undefined ? oddity(asked, type) : undefined;
}

/** A text in small letters, in capitals and with one capital, as far as SQLite tells them apart: LIKE takes a for A, and not ä for Ä. */
function spellings(text) {
  const plain = way => way.replace(/[A-Z]/g, letter => letter.toLowerCase());
  return [...new Set([text, text.toLowerCase(), text.toUpperCase(), text.charAt(0).toUpperCase() + text.slice(1).toLowerCase()].map(plain))];
}

/** One condition of a column's filter: "= 5", "> 3", "!= x", "= ' x'", "null", "not null", else a part of the text. Answers [sql, params]. */
export function condition(column, text, type) {
  const asked = text.trim(), operator = comparison(asked), infinite = `typeof(${column}) = 'real' AND ${column} IN (9e999, -9e999)`; // JSON has no such numbers: they are shown as NULL
  if (/^null$/i.test(asked)) return [`(${column} IS NULL OR ${infinite})`, []];
  if (/^not null$/i.test(asked)) return [`(${column} IS NOT NULL AND NOT (${infinite}))`, []];
  const exact = quoted(operator?.[2] ?? '');
  if (exact !== undefined) return [`${column} ${operator[1]} ?`, [exact]];
  if (operator && typed(operator[2], type) === null) return ['true', []]; // whoever types has come no further yet
  if (operator && /^(any)?$/i.test(type) && Number.isFinite(Number(operator[2] || NaN))) return [`CASE WHEN typeof(${column}) IN ('integer', 'real') THEN ${column} ${operator[1]} CAST(? AS NUMERIC) ELSE ${column} ${operator[1]} ? END`, [operator[2], operator[2]]]; // as what a view works out, it holds the one or the other
  if (operator) return [`${column} ${operator[1]} ?`, [typed(operator[2], type)]];
  const ways = spellings(asked.replace(/[\\%_]/g, '\\$&'));
  return [`(${ways.map(() => `${column} LIKE ? ESCAPE '\\'`).join(' OR ')})`, ways.map(way => `%${way}%`)];
}
