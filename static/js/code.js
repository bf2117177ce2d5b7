// Code in a page: a plain field at once, and Monaco in its place when the page has come to rest or somebody touches it.
import { h } from './dom.js';
import { toast } from './ui.js';

const SMALL = matchMedia('(max-width: 860px)'); // as in app.css; there a megabyte waits until it is wanted
let loading = null, came;
const coming = new Promise(resolve => { came = resolve; });
/** What `editor.js` exports, fetched once. */
export const loadEditor = () => (loading ??= import('./editor.js').then(editor => { came(editor); return editor; }));
/** Run `use(editor)` as soon as somebody has loaded it. */
export const whenLoaded = use => { coming.then(use); };

const loaded = () => new Promise(done => (document.readyState === 'complete' ? done() : addEventListener('load', done, { once: true })));
const idle = () => new Promise(done => (self.requestIdleCallback ? requestIdleCallback(done, { timeout: 1500 }) : setTimeout(done, 200)));

/** The line and column of an offset, both from 1. */
export function placeOf(text, offset) {
  const lines = text.slice(0, offset).split('\n');
  return { lineNumber: lines.length, column: lines.at(-1).length + 1 };
}

/** A text that outlives what shows it: a string, until Monaco has a model of it. */
export class Text {
  #value; #model = null; #listeners = [];
  view = null; // where one was in it
  problem = null; // what is marked in it
  base = ''; // the saved text that it was made from
  redraw = null;
  constructor(value, language) { Object.assign(this, { first: value, base: value, language }); this.#value = value; }
  get model() { return this.#model; }
  set model(model) { this.#model = model; model.onDidChangeContent(() => this.#changed()); }
  get value() { return this.#model ? this.#model.getValue() : this.#value; }
  set value(value) {
    if (this.#model) {
      this.#model.pushEOL(value.includes('\r\n') ? 1 : 0);
      this.#model.pushEditOperations([], [{ range: this.#model.getFullModelRange(), text: value }], () => null); // can be undone
      return;
    }
    this.#value = value;
    this.redraw?.();
    this.#changed();
  }
  onchange(listener) { this.#listeners.push(listener); }
  dispose() { this.#model?.dispose(); }
  #changed() { for (const listener of this.#listeners) listener(); }
}

/** The plain field: it does what `createEditor` does, as far as a field can. */
function plain(el, { label, wordWrap, pos, run, save }) {
  const area = el.appendChild(h('textarea', { class: 'plain-code', 'aria-label': label, spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', wrap: wordWrap === 'on' ? 'soft' : 'off' }));
  let shown = null, composing = null;
  const place = () => { const { lineNumber, column } = placeOf(area.value, area.selectionStart); if (pos) pos.textContent = `Ln ${lineNumber}, Col ${column}`; };
  const type = (text, start, end) => { area.setRangeText(text, start, end, 'end'); shown.value = area.value; };
  for (const kind of ['keyup', 'click', 'input']) area.addEventListener(kind, place);
  area.addEventListener('input', () => { shown.value = area.value; });
  area.addEventListener('compositionstart', () => { composing = new Promise(done => { area.addEventListener('compositionend', () => { composing = null; setTimeout(done); }, { once: true }); }); });
  area.addEventListener('keydown', event => {
    const act = (event.ctrlKey || event.metaKey) && { Enter: run, s: save }[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  return {
    area,
    show(text) {
      if (shown) shown.redraw = null;
      shown = text;
      area.value = text.value;
      area.setSelectionRange(0, 0);
      text.redraw = () => { if (area.value !== text.value) area.value = text.value; };
    },
    get selection() { return { start: area.selectionStart, end: area.selectionEnd }; },
    replace: text => type(text, 0, area.value.length),
    insert: text => type(text, area.selectionStart, area.selectionEnd),
    focus: () => area.focus(),
    set readOnly(on) { area.readOnly = on; },
    mark: () => {},
    /** Go, when no input method is in the middle of a word; tells where one was. */
    async leave() {
      await composing;
      if (shown) shown.redraw = null;
      requestAnimationFrame(() => area.remove()); // not before Monaco has drawn
      return { selection: this.selection, top: area.scrollTop, focused: document.activeElement === area };
    },
  };
}

/** Code in `el`. `vim` {box, bar}: the switch, whose state is kept, and the status line. `pos` shows the cursor; `run` and `save` have Ctrl+Enter and Ctrl+S. */
export class CodePane {
  #el; #options; #face; #readOnly = false; #mute = false; #begun = false;
  text = null; // the one that is shown
  constructor(el, options) {
    [this.#el, this.#options, this.#face] = [el, options, plain(el, options)];
    el.closest('[inert]')?.removeAttribute('inert'); // until now no control around it did anything
    const load = () => { this.load(); }, { area } = this.#face, { box } = options.vim ?? {};
    for (const kind of ['pointerdown', 'keydown']) area.addEventListener(kind, load);
    if (box) {
      box.checked = Boolean(localStorage.getItem('vim')) && box.parentElement.checkVisibility(); // small screens hide the switch
      box.addEventListener('change', () => { localStorage.setItem('vim', box.checked ? '1' : ''); load(); this.focus(); });
    }
    this.#mute = Boolean(box?.checked); // who means keys for Vim types none of them as text
    this.readOnly = false;
    if (this.#mute) load();
    else if (!SMALL.matches) loaded().then(idle).then(load);
  }
  async load() {
    if (this.#begun) return;
    this.#begun = true;
    try {
      const { createEditor } = await loadEditor(), box = this.#el.appendChild(h('div', { class: 'full-code' })); // of its own: Monaco watches the focus in it
      const face = await createEditor(box, this.#options), before = await this.#face.leave();
      this.#face = face;
      face.readOnly = this.#readOnly;
      if (this.text) face.show(this.text, before);
    } catch (error) {
      this.#mute = false;
      this.readOnly = this.#readOnly;
      toast('The full editor could not be loaded, so this field stays plain. Reloading the page may help.', { kind: 'error' });
      throw error;
    }
  }
  show(text) { this.text = text; this.#face.show(text); }
  /** Offsets in the text. */
  get selection() { return this.#face.selection; }
  /** Put a whole new text in its place, as something that can be undone. */
  replace(value) { this.#face.replace(value); }
  insert(value) { this.#face.insert(value); }
  focus() { this.#face.focus(); }
  set readOnly(on) { this.#readOnly = on; this.#face.readOnly = on || this.#mute; }
  /** Mark a Problem of the server in the text; `from` is the line and column where the text that was sent begins. */
  mark(problem, from = { lineNumber: 1, column: 1 }) {
    if (!this.text) return;
    this.text.problem = problem && { problem, from };
    this.#face.mark(this.text);
    if (problem) this.load();
  }
}
