// Monaco in our colours, with Vim where it is wanted. `code.js` fetches it.
import { policy } from './tt.js';
import { isDark } from './app.js';
import { h } from './dom.js';
import { parts } from '../vendor/monaco/parts.js';

const vendor = name => new URL(`../vendor/${name}`, import.meta.url).href;
self.MonacoEnvironment = {
  getWorker: (_, label) => new Worker(policy.createScriptURL(vendor('editor.worker.js')), { type: 'module', name: label }),
  createTrustedTypesPolicy: () => policy,
};
// Everything is fetched side by side, and run part by part: clicks and keys come in between.
for (const [name] of parts) document.head.append(h('link', { rel: 'modulepreload', href: vendor(`monaco/${name}`) }));
const styled = new Promise((done, failed) => { document.head.prepend(h('link', { rel: 'stylesheet', href: vendor('editor.css'), onload: done, onerror: failed })); }); // first: ours go over it
const font = document.fonts.load('13px "JetBrains Mono"');
let monaco;
for (const [, run] of parts) {
  monaco = await run();
  await new Promise(resolve => setTimeout(resolve));
}
await Promise.all([styled, font]);
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

/** The language's completions: `items(model, position, range)` answers Monaco's suggestions. */
export function complete(language, triggerCharacters, items) {
  monaco.languages.registerCompletionItemProvider(language, { triggerCharacters, provideCompletionItems(model, at) {
    const word = model.getWordUntilPosition(at), range = new monaco.Range(at.lineNumber, word.startColumn, at.lineNumber, word.endColumn);
    return { suggestions: items(model, at, range) };
  } });
}

function mark({ model, problem: found }) {
  if (!found) { monaco.editor.setModelMarkers(model, 'wce', []); return; }
  const { problem, from } = found, { line = 1, column = 1 } = problem.position ?? {};
  const at = { lineNumber: line + from.lineNumber - 1, column: line === 1 ? column + from.column - 1 : column };
  const word = model.getWordAtPosition(at);
  const end = word ? word.endColumn : problem.position ? at.column + 1 : model.getLineMaxColumn(Math.min(at.lineNumber, model.getLineCount()));
  monaco.editor.setModelMarkers(model, 'wce', [{ startLineNumber: at.lineNumber, startColumn: at.column, endLineNumber: at.lineNumber, endColumn: end, message: problem.message ?? problem.detail, severity: monaco.MarkerSeverity.Error }]);
}

/** Give a text its model; what was typed before there was one can be undone. */
function model(text) {
  const made = monaco.editor.createModel(text.first, text.language);
  if (text.value !== text.first) made.pushEditOperations(null, [{ range: made.getFullModelRange(), text: text.value }], () => null);
  text.model = made;
  mark(text);
}

/** A Monaco editor in `el`, with the options of `CodePane` and what that needs. */
export async function createEditor(el, { language, label, vim: { box, bar } = {}, pos, run, save, wordWrap = 'off' }) {
  const editor = monaco.editor.create(el, {
    model: null, wordWrap, useShadowDOM: false, automaticLayout: true, fontFamily: '"JetBrains Mono", monospace', fontSize: 13, lineHeight: 21, fontLigatures: false, tabSize: language === 'sql' ? 2 : 4,
    minimap: { enabled: false }, scrollBeyondLastLine: false, padding: { top: 10, bottom: 10 }, lineNumbersMinChars: 3, renderFinalNewline: 'on', lineDecorationsWidth: 12, folding: true, glyphMargin: false, renderLineHighlightOnlyWhenFocus: false,
    overviewRulerLanes: 0, hideCursorInOverviewRuler: true, scrollbar: { verticalScrollbarSize: 10, horizontalScrollbarSize: 10, useShadows: false }, fixedOverflowWidgets: true, accessibilitySupport: 'auto', ariaLabel: `${label}; Ctrl M lets the key Tab leave it`, stickyScroll: { enabled: false }, bracketPairColorization: { enabled: false }, guides: { indentation: language !== 'sql' }, contextmenu: true,
  });
  // Before Vim starts: it leaves alone the keys whose default has been prevented.
  editor.onKeyDown(e => {
    const key = (e.ctrlKey || e.metaKey) && { [monaco.KeyCode.Enter]: run, [monaco.KeyCode.KeyS]: save }[e.keyCode];
    if (key) { e.preventDefault(); e.stopPropagation(); key(); }
  });
  editor.onDidChangeCursorPosition(({ position: p }) => { if (pos) pos.textContent = `Ln ${p.lineNumber}, Col ${p.column}`; });
  let stop = null, shown = null;
  const setVim = async () => {
    stop?.();
    stop = null;
    if (!box?.checked) return;
    const { startVim } = await import('./vim.js');
    if (box.checked) stop ??= startVim(editor, bar, { run, save });
  };
  box?.addEventListener('change', setVim);
  await setVim();
  const place = offset => shown.model.getPositionAt(offset);
  return {
    /** `before` tells where one was in the plain field. */
    show(text, before) {
      if (shown) shown.view = editor.saveViewState();
      if (!text.model) model(text);
      shown = text;
      editor.setModel(text.model);
      if (text.view) editor.restoreViewState(text.view);
      if (!before) return;
      editor.setSelection(monaco.Range.fromPositions(place(before.selection.start), place(before.selection.end)));
      editor.setScrollTop(before.top);
      if (before.focused) editor.focus();
    },
    get selection() {
      const at = editor.getSelection();
      return { start: shown.model.getOffsetAt(at.getStartPosition()), end: shown.model.getOffsetAt(at.getEndPosition()) };
    },
    replace: text => editor.executeEdits('replace', [{ range: shown.model.getFullModelRange(), text }]),
    insert: text => editor.trigger('insert', 'type', { text }),
    focus: () => editor.focus(),
    set readOnly(on) { editor.updateOptions({ readOnly: on }); },
    mark,
  };
}
