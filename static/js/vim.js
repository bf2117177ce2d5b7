// Vim's keys in Monaco, fetched by whoever has switched them on.
import { initVimMode, VimMode } from '../vendor/vim.js';

// Vim's u and Ctrl-R take back a whole insertion: Monaco makes an undo stop at each word.
const insertions = new WeakMap(); // model -> [[version before, version after], …]
function step(command, wanted) {
  return cm => {
    const m = cm.editor.getModel(), version = () => m.getAlternativeVersionId(), at = version();
    const goal = (insertions.get(m) ?? []).map(wanted).find(w => w.within(at))?.goal;
    let before;
    do { before = version(); cm.editor.trigger('vim', command); } while (goal !== undefined && version() !== goal && version() !== before);
  };
}
VimMode.commands.undo = step('undo', ([a, b]) => ({ within: v => a < v && v <= b, goal: a }));
VimMode.commands.redo = step('redo', ([a, b]) => ({ within: v => a <= v && v < b, goal: b }));

/** Begin; what is answered ends it. `bar` shows the mode and takes commands, of which :w and :run are ours. */
export function startVim(editor, bar, { run, save }) {
  let mode = 'normal', from = 0;
  const keys = editor.onKeyDown(() => { if (mode !== 'insert') from = editor.getModel().getAlternativeVersionId(); }), vim = initVimMode(editor, bar);
  vim.on('vim-mode-change', change => {
    const m = editor.getModel(), v = m.getAlternativeVersionId();
    if (mode === 'insert' && v > from) insertions.set(m, [...insertions.get(m) ?? [], [from, v]].slice(-200));
    mode = change.mode;
  });
  VimMode.Vim.defineEx('write', 'w', () => save?.());
  VimMode.Vim.defineEx('run', 'ru', () => run?.());
  return () => { keys.dispose(); vim.dispose(); bar.replaceChildren(); };
}
