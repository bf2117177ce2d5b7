// The versions of a script or page: which there are, what changed, and bringing one back.
import { get, post } from './api.js';
import { loadEditor } from './code.js';
import { empty, fill, h, button } from './dom.js';
import { ago, date } from './format.js';
import { act, confirm, dialog, toast } from './ui.js';

/** Show two texts side by side. */
export async function showDiff(title, language, before, after, footer) {
  const { monaco } = await loadEditor();
  const box = h('div', { class: 'diff' }), models = [monaco.editor.createModel(before, language), monaco.editor.createModel(after, language)];
  let compared;
  dialog(title, h('div', {}, box, footer && h('footer', {}, footer)), { wide: true, onclose: () => compared.then(() => [editor, ...models].forEach(part => part.dispose())) });
  const editor = monaco.editor.createDiffEditor(box, { readOnly: true, useShadowDOM: false, automaticLayout: true, renderSideBySide: innerWidth > 860, minimap: { enabled: false }, scrollBeyondLastLine: false, fontFamily: '"JetBrains Mono", monospace', fontSize: 12.5, overviewRulerLanes: 0, renderOverviewRuler: false, scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10, useShadows: false } });
  for (const [side, ariaLabel] of [[editor.getOriginalEditor(), 'Before'], [editor.getModifiedEditor(), 'After']]) side.updateOptions({ ariaLabel }); // of its own options for that Monaco keeps nothing
  // A model that goes while its worker still compares is an error of the worker's.
  compared = new Promise(done => { editor.onDidUpdateDiff(done); });
  editor.setModel({ original: models[0], modified: models[1] });
}

/** List the versions of `path` (…/{id}) in `box`; `text` is the text now, `dirty` says whether it is not saved, `field` its name in a version, `restored` is called after one came back. */
export async function listVersions(box, { path, field, language, text, dirty, restored }) {
  const { versions } = await get(`${path}/versions`);
  const names = version => `version of ${date(version.created_at)}`;
  const back = version => act(async () => {
    if (!await confirm({ title: `Bring the ${names(version)} back`, text: dirty() ? 'It becomes the newest version. What you typed and have not saved leaves the editor; Undo there brings it back.' : 'It becomes the newest version; nothing is lost.', action: 'Bring it back', danger: false })) return;
    const item = await post(`${path}/versions/${version.id}/restore`);
    toast(`The ${names(version)} is back.`);
    restored(item);
  });
  const compare = version => act(async () => {
    const before = (await get(`${path}/versions/${version.id}`))[field], after = text();
    if (before === after) toast(`Nothing has changed since the ${names(version)}.`);
    else await showDiff(`Changes since the ${names(version)}`, language, before, after);
  });
  fill(box, versions.length ? h('ul', { class: 'rows' }, versions.map((version, i) => h('li', {}, h('div', { class: 'grow' }, h('b', {}, ago(version.created_at)), i === 0 && h('span', { class: 'tag ok' }, 'now'), h('small', {}, `${date(version.created_at)} · ${version.username ?? 'a deleted user'}`)),
    button('Compare', { kind: 'sm', icon: 'diff', onclick: () => compare(version) }), i > 0 && button('Bring back', { kind: 'sm', icon: 'undo-2', onclick: () => back(version) })))) : empty('history', 'No versions yet', 'Every text that you save becomes one.'));
}
