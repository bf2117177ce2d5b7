// Files in the rows of a table: put there from a disk, and fetched when somebody looks at one.
import { Problem, ident, writeOnce } from './api.js';
import { blobSize, isBlob } from './cells.js';
import { $, button, h } from './dom.js';
import { bytes } from './format.js';
import { field, formDialog } from './ui.js';

const MAX_FILE = 720 * 1024; // as base64, with the statement around it, it fits into a body of 1 MiB
const UNDO_BYTES = 900_000; // the same for rows that Undo sends back
const KEPT = 1024; // bytes of a BLOB that come with its row: a page of rows is no place for a hundred pictures
const MOST = bytes(MAX_FILE);

/** Whether a column is there for bytes; and whether it may hold some, as its type does not say text or number. */
export const isForBytes = ({ type }) => /BLOB|BINARY|BYTEA|IMAGE/i.test(type);
export const mayHoldBytes = item => isForBytes(item) || !/INT|CHAR|CLOB|TEXT|REAL|FLOA|DOUB|NUM|DEC|BOOL|DATE|TIME/i.test(item.type);

/** How rows of a table are asked for without the bytes of their large BLOBs: {columns, sizes, row}; `sizes` go behind all other columns, and `row` puts {$size} where they are. */
export function lean({ type, columns }, key) {
  const heavy = columns.map((item, at) => ({ at, name: item.name, into: ident(item.name), is: type === 'table' ? mayHoldBytes(item) : isForBytes(item) })).filter(({ is, name }) => is && !key.includes(name)); // what a view works out is not worked out thrice
  const large = ({ into }) => `typeof(${into}) = 'blob' AND length(${into}) > ${KEPT}`;
  return {
    columns: columns.map(({ name }, at) => { const found = heavy.find(item => item.at === at); return found ? `CASE WHEN ${large(found)} THEN NULL ELSE ${found.into} END` : ident(name); }),
    sizes: heavy.map(item => `CASE WHEN ${large(item)} THEN length(${item.into}) END`),
    row: found => {
      const sizes = found.splice(found.length - heavy.length, heavy.length);
      heavy.forEach(({ at }, i) => { if (sizes[i] !== null) found[at] = { $size: sizes[i] }; });
      return found;
    },
  };
}

/** Whether rows can be sent back in one transaction, as Undo does. */
export const canComeBack = rows => rows.flat().reduce((sum, value) => sum + (isBlob(value) ? blobSize(value) * 4 / 3 : JSON.stringify(value).length), 0) < UNDO_BYTES;

/** A field that takes a file, says how large it is, and what would be too large. */
export function fileField(props) {
  const hint = `At most ${MOST}`, box = field({ ...props, type: 'file', hint }), input = $('input', box), told = $('small', box);
  const remove = button('Take it out', { kind: 'sm fit', hidden: true, onclick: () => { input.value = ''; look(); input.focus(); } });
  function look() {
    const [file] = input.files, odd = file?.size > MAX_FILE;
    told.textContent = !file ? hint : `${file.name}: ${bytes(file.size)}${odd ? ` is too large for a row, which takes at most ${MOST}` : ''}`;
    told.classList.toggle('bad', odd);
    input.setCustomValidity(odd ? `Choose a file of at most ${MOST}.` : '');
    remove.hidden = !file;
  }
  input.addEventListener('change', look);
  told.setAttribute('role', 'status');
  told.after(remove);
  return box;
}

/** Files as values of SQL, by the names of their fields; together they have to fit as well. */
export async function read(files) {
  const all = Object.entries(files), [name] = all.at(-1) ?? [];
  if (all.reduce((sum, [, file]) => sum + file.size, 0) > MAX_FILE) throw new Problem(422, { errors: [{ field: name, message: `Together the files are larger than ${MOST}. Insert the row with one of them, and add the other one to it afterwards` }] });
  return Object.fromEntries(await Promise.all(all.map(async ([field_, file]) => [field_, { $base64: await base64(file) }])));
}

const base64 = file => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.addEventListener('load', () => resolve(reader.result.split(',')[1] ?? ''));
  reader.addEventListener('error', () => reject(new Problem(0, { detail: `${file.name} cannot be read. Choose it once more.` })));
  reader.readAsDataURL(file);
});

/** Ask for a file and put it into the cell of a row, unless something else than `value` is there by now. `where` and `params` find the row. Answers the File. */
export function putFile({ table, item, value, where, params }) {
  const into = ident(item.name), field_ = fileField({ name: 'file', label: 'File', required: true });
  return formDialog({
    title: `A file for ${item.name}`, action: 'Save', text: value === null ? 'It is saved in this row.' : `It takes the place of ${isBlob(value) ? `the ${bytes(blobSize(value))} that are` : 'what is'} there now, for good.`, fields: [field_],
    submit: async given => {
      const held = isBlob(value) ? [`length(${into}) = ?`, blobSize(value)] : [`${into} IS ?`, value], { file } = await read(given);
      const { changes } = await writeOnce('/query', { sql: `UPDATE ${ident(table)} SET ${into} = ? WHERE ${where} AND ${held[0]}`, params: [file, ...params, held[1]] });
      if (!changes) throw new Problem(409, { detail: 'This was changed or removed in the meantime, or is not yours to change. Reload the page to see what is there now.' });
      return given.file;
    },
  });
}
