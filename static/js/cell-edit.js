// A cell of a table as an input. What cannot be written, or not as meant, stays in it and says why.
import { Problem } from './api.js';
import { isNumeric, misfit } from './cells.js';
import { fill, h } from './dom.js';
import { fail } from './ui.js';

const LONG = 120, LINES = 8;

/** Enter and leaving write by `write(text)`, which may throw a Problem; a button writes null, where `nullable`, for who has no keys to open the whole value with; Escape leaves it. `leave(wrote)` puts the cell back. `text` stands in the place of the value from the beginning. */
export function editCell(cell, { name, type, value, text: given, nullable, write, leave }) {
  const text = value === null ? '' : String(value), lines = Math.max(...[text, given ?? ''].map(part => part.split(/\r\n|[\r\n]/).length + Math.floor(part.length / LONG))); // an input would drop the ends of lines
  const told = h('p', { class: 'cell-error', role: 'alert', id: 'cell-error' });
  const input = h(lines > 1 || !isNumeric(type) ? 'textarea' : 'input', { class: 'cell-input', value: text, rows: Math.min(lines, LINES), 'aria-label': `${name}, Enter to save` }), before = input.value;
  let over = false, doubted;

  function tell(message) {
    fill(told, message);
    cell.append(told);
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', told.id);
  }
  async function save(now) {
    over = input.readOnly = true;
    try { await write(now); leave(true); } catch (error) {
      over = input.readOnly = false;
      if (!(error instanceof Problem)) { fail(error); return; }
      tell(error.message);
      if (document.activeElement === document.body) input.focus();
    }
  }
  function end(keep, surely) {
    if (over) return;
    const now = input.value, odd = now !== before && misfit(now, type);
    if (keep && odd && !(surely && doubted === now)) { doubted = now; tell(odd); return; }
    if (keep && now !== before) { save(now); return; }
    over = true;
    leave(Boolean(told.textContent));
  }
  input.addEventListener('keydown', event => {
    event.stopPropagation();
    if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); end(true, true); }
    if (event.key === 'Escape') end(false);
  });
  input.addEventListener('input', () => { told.remove(); input.removeAttribute('aria-invalid'); });
  input.addEventListener('blur', () => end(true, false));
  const hold = event => event.preventDefault(); // the focus stays in the input, which leaving would write
  fill(cell, input, nullable && h('button', { type: 'button', class: 'cell-null', tabindex: '-1', title: 'Set to NULL', 'aria-label': `Set ${name} to NULL`, onmousedown: hold, onclick: () => { if (!over) save(null); } }, 'NULL'));
  if (given === undefined) input.select();
  else { input.value = given; input.focus(); }
}
