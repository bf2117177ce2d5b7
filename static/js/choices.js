// Some of the things that are there, to be ticked; with a filter where they are many.
import { h } from './dom.js';

const MANY = 12; // fewer are seen at one glance

/** A field {name, label, items, hint, some} of a form; `hint` says what none means, and `some` what follows from a few. Answers {el, picked}: its element, and a function for those that are ticked. */
export function choices({ name, label, items, hint, some }) {
  const id = `f-${name.replace(/\W/g, '-')}`, boxes = items.map((item, i) => h('input', { type: 'checkbox', id: `${id}-${i}`, value: item }));
  const lines = boxes.map((box, i) => h('label', { class: 'check' }, box, h('span', { class: 'mono' }, items[i])));
  const told = h('small', { role: 'status' }, hint), filter = h('input', { type: 'search', id: `${id}-filter`, placeholder: 'Filter', 'aria-label': `Filter: ${label}`, autocomplete: 'off' });
  const picked = () => boxes.filter(box => box.checked).map(box => box.value);
  const say = () => {
    const asked = filter.value.trim().toLowerCase(), all = picked();
    items.forEach((item, i) => { lines[i].hidden = !item.toLowerCase().includes(asked); });
    told.textContent = lines.every(line => line.hidden) ? 'None matches. Change the filter, or clear it.' : all.length ? `${all.length} ticked: ${all.join(', ')}. ${some}` : hint;
  };
  filter.addEventListener('keydown', event => { if (event.key === 'Enter') event.preventDefault(); }); // it is no field of the form
  const el = h('fieldset', { class: 'field', dataset: { field: name }, oninput: say }, h('legend', {}, label),
    items.length >= MANY && filter, h('div', { class: 'choices' }, lines), told, h('p', { class: 'field-error', hidden: true }));
  return { el, picked };
}
