// Monaco in our colours, with Vim where it is wanted.
import { policy } from './tt.js';
import { isDark } from './app.js';

self.MonacoEnvironment = {
  getWorker: (_, label) => new Worker(policy.createScriptURL(new URL('../vendor/editor.worker.js', import.meta.url)), { type: 'module', name: label }),
  createTrustedTypesPolicy: () => policy,
};
const [{ monaco, initVimMode, VimMode }] = await Promise.all([import('../vendor/editor.js'), document.fonts.load('13px "JetBrains Mono"')]);
await new Promise(resolve => setTimeout(resolve)); // reading Monaco takes long: let clicks and keys in before what follows
export { monaco };

const rule = (token, foreground, fontStyle) => ({ token, foreground, fontStyle });
monaco.editor.defineTheme('wce-light', { base: 'vs', inherit: true,
  rules: [rule('keyword', '7c3aed'), rule('operator.sql', '7c3aed'), rule('predefined.sql', '0369a1'), rule('string', '0f766e'), rule('string.sql', '0f766e'), rule('number', 'b45309'), rule('comment', '5f6878', 'italic'), rule('identifier', '1c2130'), rule('delimiter', '5b6474'), rule('operator', '5b6474'), rule('tag', 'be123c'), rule('attribute.name', '0369a1'), rule('attribute.value', '0f766e')],
  colors: { 'editor.wordHighlightBackground': '#e9e9fb', 'editor.wordHighlightTextBackground': '#e9e9fb', 'editor.wordHighlightStrongBackground': '#dfdffa', 'editor.wordHighlightBorder': '#00000000', 'editor.wordHighlightTextBorder': '#00000000', 'editorBracketHighlight.foreground1': '#5b6474', 'editorBracketHighlight.foreground2': '#7c3aed', 'editorBracketHighlight.foreground3': '#0369a1', 'editor.background': '#ffffff', 'editor.foreground': '#1c2130', 'editorLineNumber.foreground': '#6b7383', 'editorLineNumber.activeForeground': '#3f4756', 'editor.lineHighlightBackground': '#f6f7fa', 'editor.lineHighlightBorder': '#00000000', 'editor.selectionBackground': '#dcdcfb', 'editor.inactiveSelectionBackground': '#ebebfb', 'editorCursor.foreground': '#4f46e5', 'editorIndentGuide.background1': '#edeff3', 'editorIndentGuide.activeBackground1': '#cfd5df', 'editorBracketMatch.background': '#e4e4fd', 'editorBracketMatch.border': '#b9b7f6', 'editorWidget.background': '#ffffff', 'editorWidget.border': '#dfe3ea', 'editorSuggestWidget.selectedBackground': '#eeeefd', 'editorSuggestWidget.selectedForeground': '#1c2130', 'editorSuggestWidget.highlightForeground': '#4f46e5', 'editorSuggestWidget.focusHighlightForeground': '#4f46e5', focusBorder: '#4f46e5', 'scrollbarSlider.background': '#0f172a1f', 'scrollbarSlider.hoverBackground': '#0f172a33', 'editorOverviewRuler.border': '#00000000', 'editorGutter.background': '#ffffff', 'widget.shadow': '#10182824' } });
monaco.editor.defineTheme('wce-dark', { base: 'vs-dark', inherit: true,
  rules: [rule('keyword', 'b7a6ff'), rule('operator.sql', 'b7a6ff'), rule('predefined.sql', '7cc7f5'), rule('string', '6fd6b8'), rule('string.sql', '6fd6b8'), rule('number', 'f2b56b'), rule('comment', '8a94a5', 'italic'), rule('identifier', 'dfe3ea'), rule('delimiter', '97a0b0'), rule('operator', '97a0b0'), rule('tag', 'fb8ba0'), rule('attribute.name', '7cc7f5'), rule('attribute.value', '6fd6b8')],
  colors: { 'editor.wordHighlightBackground': '#2a2d52', 'editor.wordHighlightTextBackground': '#2a2d52', 'editor.wordHighlightStrongBackground': '#34376a', 'editor.wordHighlightBorder': '#00000000', 'editor.wordHighlightTextBorder': '#00000000', 'editorBracketHighlight.foreground1': '#97a0b0', 'editorBracketHighlight.foreground2': '#b7a6ff', 'editorBracketHighlight.foreground3': '#7cc7f5', 'editor.background': '#13161c', 'editor.foreground': '#dfe3ea', 'editorLineNumber.foreground': '#7f8899', 'editorLineNumber.activeForeground': '#b4bccb', 'editor.lineHighlightBackground': '#181c24', 'editor.lineHighlightBorder': '#00000000', 'editor.selectionBackground': '#34366b', 'editor.inactiveSelectionBackground': '#272a4a', 'editorCursor.foreground': '#a5a6ff', 'editorIndentGuide.background1': '#232833', 'editorIndentGuide.activeBackground1': '#3a4252', 'editorBracketMatch.background': '#2f3160', 'editorBracketMatch.border': '#5b5ec0', 'editorWidget.background': '#171a21', 'editorWidget.border': '#323945', 'editorSuggestWidget.selectedBackground': '#25284a', 'editorSuggestWidget.selectedForeground': '#ffffff', 'editorSuggestWidget.highlightForeground': '#a5a6ff', 'editorSuggestWidget.focusHighlightForeground': '#b9baff', focusBorder: '#8b8cf9', 'scrollbarSlider.background': '#ffffff1c', 'scrollbarSlider.hoverBackground': '#ffffff30', 'editorOverviewRuler.border': '#00000000', 'editorGutter.background': '#13161c', 'widget.shadow': '#00000066' } });
const setTheme = () => monaco.editor.setTheme(isDark() ? 'wce-dark' : 'wce-light');
document.addEventListener('wce:theme', setTheme);
setTheme();

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

/** The language's completions: `items(model, position, range)` answers Monaco's suggestions. */
export function complete(language, triggerCharacters, items) {
  monaco.languages.registerCompletionItemProvider(language, { triggerCharacters, provideCompletionItems(model, at) {
    const word = model.getWordUntilPosition(at), range = new monaco.Range(at.lineNumber, word.startColumn, at.lineNumber, word.endColumn);
    return { suggestions: items(model, at, range) };
  } });
}

/** Mark a Problem of the server in the text; `from` is the line and column where the text that was sent begins. */
export function mark(editor, problem, from = { lineNumber: 1, column: 1 }) {
  const model = editor.getModel();
  if (!problem) { monaco.editor.setModelMarkers(model, 'wce', []); return; }
  const { line = 1, column = 1 } = problem.position ?? {};
  const at = { lineNumber: line + from.lineNumber - 1, column: line === 1 ? column + from.column - 1 : column };
  const word = model.getWordAtPosition(at);
  const end = word ? word.endColumn : problem.position ? at.column + 1 : model.getLineMaxColumn(Math.min(at.lineNumber, model.getLineCount()));
  monaco.editor.setModelMarkers(model, 'wce', [{ startLineNumber: at.lineNumber, startColumn: at.column, endLineNumber: at.lineNumber, endColumn: end, message: problem.message ?? problem.detail, severity: monaco.MarkerSeverity.Error }]);
}

/** A Monaco editor in `el`. `vim` {box, bar}: the switch, whose state is kept, and the status line. `pos` shows the cursor; `run` and `save` have Ctrl+Enter and Ctrl+S. */
export function createEditor(el, { value = '', language, label, vim: { box, bar } = {}, pos, run, save, readOnly = false, wordWrap = 'off' }) {
  el.closest('[inert]')?.removeAttribute('inert'); // until now no control around it did anything
  const editor = monaco.editor.create(el, {
    value, language, readOnly, wordWrap, useShadowDOM: false, automaticLayout: true, fontFamily: '"JetBrains Mono", monospace', fontSize: 13, lineHeight: 21, fontLigatures: false, tabSize: language === 'sql' ? 2 : 4,
    minimap: { enabled: false }, scrollBeyondLastLine: false, padding: { top: 10, bottom: 10 }, lineNumbersMinChars: 3, renderFinalNewline: 'on', lineDecorationsWidth: 12, folding: true, glyphMargin: false, renderLineHighlightOnlyWhenFocus: false,
    overviewRulerLanes: 0, hideCursorInOverviewRuler: true, scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10, useShadows: false }, fixedOverflowWidgets: true, accessibilitySupport: 'auto', ariaLabel: label, stickyScroll: { enabled: false }, bracketPairColorization: { enabled: false }, guides: { indentation: language !== 'sql' }, contextmenu: true,
  });
  // Before Vim starts: it leaves alone the keys whose default has been prevented.
  let vim = null, mode = 'normal', from = 0;
  editor.onKeyDown(e => {
    if (mode !== 'insert') from = editor.getModel().getAlternativeVersionId();
    const key = (e.ctrlKey || e.metaKey) && { [monaco.KeyCode.Enter]: run, [monaco.KeyCode.KeyS]: save }[e.keyCode];
    if (key) { e.preventDefault(); e.stopPropagation(); key(editor); }
  });
  editor.onDidChangeCursorPosition(({ position: p }) => { if (pos) pos.textContent = `Ln ${p.lineNumber}, Col ${p.column}`; });
  if (!box) return editor;
  const set = on => {
    vim?.dispose();
    bar.replaceChildren();
    vim = on ? initVimMode(editor, bar) : null;
    mode = 'normal';
    vim?.on('vim-mode-change', change => {
      const m = editor.getModel(), v = m.getAlternativeVersionId();
      if (mode === 'insert' && v > from) insertions.set(m, [...insertions.get(m) ?? [], [from, v]].slice(-200));
      mode = change.mode;
    });
    localStorage.setItem('vim', on ? '1' : '');
  };
  box.checked = Boolean(localStorage.getItem('vim')) && box.parentElement.checkVisibility(); // small screens hide the switch
  if (box.checked) set(true);
  box.addEventListener('change', () => { set(box.checked); editor.focus(); });
  VimMode.Vim.defineEx('write', 'w', () => save?.(editor));
  VimMode.Vim.defineEx('run', 'ru', () => run?.(editor));
  return editor;
}
