// Saving the text of a script or page that somebody else may have saved meanwhile, in another tab or at another desk.
import { get, put } from './api.js';
import { button, h } from './dom.js';
import { ago } from './format.js';
import { sha256 } from './sha256.js';
import { act, confirm } from './ui.js';
import { showDiff } from './versions.js';

/** Ask whether to save over what somebody else saved. */
async function ask(path, title, language, theirs, mine) {
  const [last] = (await get(`${path}/versions`)).versions;
  const who = last?.username ?? 'Somebody', when = last ? ` ${ago(last.created_at)}` : '';
  const compare = button('Compare', { icon: 'diff', onclick: () => act(() => showDiff(`What ${who} saved, and yours`, language, theirs, mine)) });
  return confirm({ title: `Save over ${title}`, text: [`${who} saved this${when}, after you opened it here. Their text stays among the versions.`, h('div', {}, compare)], action: 'Save over it' });
}

/** Put a Text in the place of the one that it was made from. `more` is changed with it. Answers the item as it is saved, or undefined where it is not to be. */
export async function saveText(path, field, text, title, more = {}) {
  let base = text.base;
  for (;;) {
    const { value } = text;
    try {
      const made = await put(path, { [field]: value, instead_of: sha256(base), ...more });
      text.base = made[field];
      return made;
    } catch (error) {
      if (error.code !== 'changed_meanwhile') throw error;
    }
    base = (await get(path))[field];
    if (!await ask(path, title, text.language, base, value)) return undefined;
  }
}

/** What is saved now has come with an answer: who has typed nothing sees it. */
export function renew(text, content) {
  if (text && text.value === text.base && content !== text.base) {
    text.base = content;
    text.value = content;
  }
}
