// Tables as boxes and their references as lines: whoever refers stands to the right of what it refers to.
import { rowsUrl } from './api.js';
import { s } from './dom.js';

const WIDTH = 210, HEAD = 30, LINE = 20, GAP_X = 90, GAP_Y = 26, EDGE = 14, MOST_COLUMNS = 14;
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** How many steps of references lead away from each table; a reference that leads back in a circle is no step. */
export function layers(tables) {
  const byName = new Map(tables.map(table => [table.name.toLowerCase(), table])), depth = new Map(), open = new Set();
  const walk = table => {
    if (depth.has(table)) return depth.get(table);
    open.add(table);
    const next = table.references.map(reference => byName.get(reference.table.toLowerCase())).filter(found => found && !open.has(found));
    const own = Math.max(0, ...next.map(found => walk(found) + 1));
    open.delete(table);
    depth.set(table, own);
    return own;
  };
  tables.forEach(walk);
  return depth;
}

/** Where each box stands: Map of lower-case names to {table, shown, x, y, height}. */
function place(tables) {
  const depth = layers(tables), bottoms = [], boxes = new Map();
  for (const table of tables) {
    const at = depth.get(table), y = bottoms[at] ?? EDGE, shown = table.columns.slice(0, MOST_COLUMNS);
    const height = HEAD + LINE * (shown.length + (table.columns.length > shown.length ? 1 : 0)) + 6;
    boxes.set(table.name.toLowerCase(), { table, shown, x: EDGE + at * (WIDTH + GAP_X), y, height });
    bottoms[at] = y + height + GAP_Y;
  }
  return { boxes, width: 2 * EDGE + bottoms.length * (WIDTH + GAP_X) - GAP_X + 40, height: Math.max(...bottoms) };
}

function box({ table, shown, x, y, height }) {
  const far = new Set(table.references.flatMap(reference => reference.columns));
  const text = (column, i) => [s('text', { x: x + 12, y: y + HEAD + LINE * i + 15, class: table.key.includes(column.name) ? 'er-key' : far.has(column.name) ? 'er-far' : '' }, cut(column.name, 18)), s('text', { x: x + WIDTH - 12, y: y + HEAD + LINE * i + 15, class: 'er-type' }, cut(column.type.toLowerCase(), 9))];
  return s('g', { class: 'er-box', onclick: () => location.assign(rowsUrl(table.name)) }, s('title', {}, table.name), s('rect', { x, y, width: WIDTH, height, rx: 8 }), s('line', { x1: x, x2: x + WIDTH, y1: y + HEAD - 2, y2: y + HEAD - 2 }),
    s('text', { x: x + 12, y: y + 19, class: 'er-name' }, cut(table.name, 26)), shown.map(text), shown.length < table.columns.length && s('text', { x: x + 12, y: y + height - 9, class: 'er-type er-rest' }, `and ${table.columns.length - shown.length} more`));
}

const heightOf = (found, column) => { const i = found.shown.findIndex(item => item.name.toLowerCase() === column?.toLowerCase()); return i < 0 ? found.y + HEAD / 2 : found.y + HEAD + LINE * i + 10; };

function line(from, to, reference) {
  const y1 = heightOf(from, reference.columns[0]), y2 = heightOf(to, reference.to_columns[0]), end = to.x + WIDTH;
  const [start, bend] = to.x < from.x ? [from.x, Math.max(40, (from.x - end) / 2)] : [from.x + WIDTH, 0]; // to itself, or back in a circle: around the right side
  const path = bend ? `M${start} ${y1} C${start - bend} ${y1} ${end + bend} ${y2} ${end} ${y2}` : `M${start} ${y1} C${Math.max(start, end) + 44} ${y1} ${Math.max(start, end) + 44} ${y2} ${end} ${y2}`;
  return s('g', { class: 'er-line' }, s('path', { d: path }), s('circle', { cx: end, cy: y2, r: 3.5 }));
}

/** The picture of the tables; whoever cannot see it has the list beside it. */
export function diagram(tables) {
  const { boxes, width, height } = place(tables.filter(table => table.type === 'table'));
  const all = [...boxes.values()], lines = all.flatMap(from => from.table.references.map(reference => [from, boxes.get(reference.table.toLowerCase()), reference])).filter(([, to]) => to);
  return s('svg', { class: 'er', role: 'img', 'aria-label': `${all.length} tables and ${lines.length} references; the list of tables says the same`, width, height, viewBox: `0 0 ${width} ${height}` }, lines.map(parts => line(...parts)), all.map(box));
}
