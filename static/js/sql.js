// SQL texts: where statements begin and end, and what to propose while somebody types.

/** Each statement of a text as {start, end}: offsets without the space around it. Semicolons in strings, comments and triggers do not count. */
export function statements(text) {
  const found = [], part = /'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`[^`]*`?|\[[^\]]*\]?|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|;|[A-Za-z_]\w*/g;
  let from = 0, depth = 0, words = '';
  const add = end => {
    const piece = text.slice(from, end), lead = piece.length - piece.trimStart().length;
    if (piece.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, '').trim()) found.push({ start: from + lead, end: from + piece.trimEnd().length });
  };
  for (let m; (m = part.exec(text));) {
    const word = m[0].toUpperCase();
    if (word === ';') {
      if (depth > 0) continue;
      add(m.index);
      from = m.index + 1;
      words = '';
    } else if (/^[A-Z_]/.test(word)) {
      words += ' ' + word;
      if (/^ CREATE (TEMP |TEMPORARY )?TRIGGER/.test(words)) depth += word === 'BEGIN' || word === 'CASE' ? 1 : word === 'END' ? -1 : 0;
    }
  }
  add(text.length);
  return found;
}

const WORDS = 'SELECT FROM WHERE GROUP BY ORDER BY HAVING LIMIT OFFSET JOIN LEFT JOIN INNER JOIN CROSS JOIN ON USING AS DISTINCT UNION ALL UNION INTERSECT EXCEPT WITH RECURSIVE INSERT INTO VALUES UPDATE SET DELETE FROM RETURNING CREATE TABLE CREATE INDEX CREATE VIEW ALTER TABLE DROP TABLE PRIMARY KEY REFERENCES NOT NULL DEFAULT CASE WHEN THEN ELSE END IS NULL IN EXISTS BETWEEN LIKE GLOB AND OR NOT ASC DESC OVER PARTITION BY FILTER'.match(/(?:GROUP|ORDER|PARTITION) BY|(?:LEFT|INNER|CROSS) JOIN|UNION ALL|INSERT INTO|DELETE FROM|CREATE \w+|ALTER TABLE|DROP TABLE|PRIMARY KEY|(?:NOT|IS) NULL|\w+/g);
const FUNCTIONS = ['count', 'sum', 'avg', 'min', 'max', 'total', 'round', 'abs', 'coalesce', 'ifnull', 'nullif', 'iif', 'length', 'lower', 'upper', 'substr', 'trim', 'replace', 'instr', 'date', 'datetime', 'time', 'strftime', 'julianday', 'json_extract', 'json_object', 'json_group_array', 'group_concat', 'row_number', 'rank', 'dense_rank', 'lag', 'lead', 'first_value', 'printf', 'typeof', 'random'];
// Words that are no names unless they are quoted; SQLite takes its other keywords as names.
const RESERVED = new Set('ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CAST CHECK COLLATE COMMIT CONSTRAINT CREATE CROSS CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DEFAULT DEFERRABLE DELETE DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM FULL GROUP HAVING IN INDEX INNER INSERT INTERSECT INTO IS ISNULL JOIN LEFT LIMIT NATURAL NOT NOTHING NOTNULL NULL ON OR ORDER OUTER PRIMARY RAISE REFERENCES RETURNING RIGHT SELECT SET TABLE THEN TO TRANSACTION UNION UNIQUE UPDATE USING VALUES WHEN WHERE'.split(' '));
/** A name as people write it in SQL: quoted only where it must be. */
export const name = text => (/^[A-Za-z_]\w*$/.test(text) && !RESERVED.has(text.toUpperCase()) ? text : `"${text.replaceAll('"', '""')}"`);

/** What fits at a place: the columns of a table after its name or alias and a dot; else tables, columns of the tables named, words and functions. */
export function proposals(tables, before, whole) {
  const word = /([A-Za-z_]\w*)\.\w*$/.exec(before)?.[1]?.toLowerCase();
  const named = new Map();
  for (const [, table, alias] of whole.matchAll(/\b(?:FROM|JOIN|UPDATE|INTO)\s+"?(\w+)"?(?:\s+(?:AS\s+)?(?!ON\b|WHERE\b|JOIN\b|LEFT\b|INNER\b|CROSS\b|GROUP\b|ORDER\b|SET\b|VALUES\b|LIMIT\b|USING\b)(\w+))?/gi)) {
    const known = tables.find(item => item.name.toLowerCase() === table.toLowerCase());
    if (known) for (const key of [table, alias]) if (key) named.set(key.toLowerCase(), known);
  }
  const columns = table => table.columns.map(column => ({ kind: 'Field', label: column.name, insert: name(column.name), detail: `${table.name} · ${column.type || 'any'}`, rank: '1' }));
  if (word) { const table = named.get(word) ?? tables.find(item => item.name.toLowerCase() === word); return table ? columns(table) : []; }
  const near = [...new Set(named.values())];
  return [...near.flatMap(columns), ...tables.map(table => ({ kind: 'Struct', label: table.name, insert: name(table.name), detail: table.type, rank: '2' })),
    ...FUNCTIONS.map(text => ({ kind: 'Function', label: text, insert: `${text}($0)`, snippet: true, detail: 'function', rank: '3' })), ...WORDS.map(text => ({ kind: 'Keyword', label: text, insert: text, detail: '', rank: '4' }))];
}
