// The line between an editor and what is below it; `work` is the grid whose --split it sets.
export function wireSplit(split, work, editor) {
  const set = pixels => {
    const share = Math.min(90, Math.max(10, Math.round(pixels / work.clientHeight * 100)));
    work.style.setProperty('--split', `${share}%`);
    split.setAttribute('aria-valuenow', share);
  };
  split.addEventListener('pointerdown', event => {
    split.setPointerCapture(event.pointerId);
    const top = editor.getBoundingClientRect().top;
    split.onpointermove = moved => set(moved.clientY - top - 24);
    split.onpointerup = () => { split.onpointermove = null; };
  });
  split.addEventListener('keydown', event => {
    const step = { ArrowUp: -24, ArrowDown: 24 }[event.key];
    if (step) { event.preventDefault(); set(editor.offsetHeight + step); }
  });
}
