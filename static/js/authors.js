// Whose rights a script or page has: its author's, for as long as he administers; then those of whoever saves it next.
import { get } from './api.js';
import { administers, h } from './dom.js';

let able = new Set();
/** Ask who administers. */
export async function learnAuthors() {
  const { users } = await get('/admin/users');
  able = new Set(users.filter(user => user.enabled && administers(user.role)).map(user => user.user_id));
}
/** Whether its author administers no more, so that it works no more, or less. */
export const isOrphan = item => !able.has(item.modified_by);
export const orphanTag = item => isOrphan(item) && h('span', { class: 'tag no', title: 'It can do no more than its author, who is deleted, disabled or no longer an administrator.' }, 'has lost its author: save it to become the next');
/** What of its settings was changed: nobody is to lend his rights by the way, when he changes a description. Of an orphan all is meant. */
export const changed = (item, given) => (isOrphan(item) ? given : Object.fromEntries(Object.entries(given).filter(([name, value]) => value !== item[name])));
/** What to add to the note that it is saved, where it had its author's rights and has a new one. */
export const fell = (before, item, settings) => (before === 'definer' && item.run_as === 'caller' ? [' It no longer runs with its author’s rights: as its new author, you may give it yours.', { action: { label: 'Settings', run: settings } }] : ['', {}]);
