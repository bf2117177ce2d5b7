// A cell of a table as an input. What cannot be written, or not as meant, stays in it and says why.
import { Problem } from './api.js';
import { misfit } from './cells.js';
import { fill, h } from './dom.js';
import { fail } from './ui.js';

/** Enter and leaving write by `write(text)`, which may throw a Problem; Escape leaves it. `leave(wrote)` puts the cell back. */
export function editCell(cell, { name, type, value, write, leave }) {
  const text = value === null ? '' : String(value), lines = text.split(/\r\n|[\r\n]/).length; // an input would drop the ends of lines
  const told = h('p', { class: 'cell-error', role: 'alert', id: 'cell-error' });
  const input = h(lines > 1 ? 'textarea' : 'input', { class: 'cell-input', value: text, rows: lines > 1 && Math.min(lines, 8), 'aria-label': `${name}, Enter to save` }), before = input.value;
  let over = false, doubted;

  function tell(message) {
    fill(told, message);
    cell.append(told);
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', told.id);
  }
  async function end(keep, surely) {
    if (over) return;
    const now = input.value, odd = now !== before && misfit(now, type);
    if (keep && odd && !(surely && doubted === now)) { doubted = now; tell(odd); return; }
    over = true;
    if (!keep || now === before) { leave(Boolean(told.textContent)); return; }
    input.readOnly = true;
    try { await write(now); leave(true); } catch (error) {
      over = input.readOnly = false;
      if (!(error instanceof Problem)) { fail(error); return; }
      tell(error.message);
      if (document.activeElement === document.body) input.focus();
    }
  }
  input.addEventListener('keydown', event => {
    event.stopPropagation();
    if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); end(true, true); }
    if (event.key === 'Escape') end(false);
  });
  input.addEventListener('input', () => { told.remove(); input.removeAttribute('aria-invalid'); });
  input.addEventListener('blur', () => end(true, false));
  fill(cell, input);
  input.select();
}
