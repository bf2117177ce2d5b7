// The front matter of a Markdown page as a form. Lines that it does not know, as queries, stay as they were written.
import { formDialog } from './ui.js';

const BLOCK = /^---[ \t]*\r?\n([\s\S]*?)^---[ \t]*(?:\r?\n|$(?![\s\S]))/m;
const NAMES = ['title', 'description', 'layout', 'tags', 'date'];

const bare = text => (/^".*"$/s.test(text) ? JSON.parse(text) : /^'.*'$/s.test(text) ? text.slice(1, -1).replaceAll("''", "'") : text.replace(/\s+#.*$/, ''));
const list = text => (text.startsWith('[') ? text.replace(/^\[|\]\s*$/g, '').split(',') : text.split('\n').map(line => line.replace(/^\s*-\s*/, ''))).map(word => bare(word.trim())).filter(Boolean).join(', ');
const plain = text => /^[\p{L}][\p{L}\p{N} ./!?()'’–-]*$/u.test(text) && !/^(?:true|false|null|yes|no|on|off)$/i.test(text) && text.trim() === text;
const scalar = text => (plain(text) || /^\d{4}-\d\d-\d\d$/.test(text) ? text : JSON.stringify(text));

/** What stands before the text: entries [name, lines] in their order, and the rest. */
function split(text) {
  const found = text.startsWith('---') ? BLOCK.exec(text) : null, entries = [];
  for (const line of (found?.[1] ?? '').split(/\r?\n/)) {
    const name = /^([A-Za-z]\w*):/.exec(line)?.[1];
    if (name || !entries.length) entries.push([name ?? '', line]); else entries.at(-1)[1] += `\n${line}`;
  }
  return { entries: entries.filter(([, lines]) => lines.trim()), rest: found ? text.slice(found[0].length) : text };
}
function read([name, lines]) {
  const given = lines.slice(name.length + 1).trim(), value = name === 'tags' ? given : given.replace(/^[|>][+-]?\s*\n/, '').replaceAll(/\s*\n\s*/g, ' ');
  try { return name === 'tags' ? list(value) : bare(value); } catch { return value; } // what is no text is shown as it stands
}

/** The text with other front matter: a value that is the same keeps its lines, an empty one loses them. */
export function withFront(text, given) {
  const { entries, rest } = split(text), lines = new Map(entries);
  for (const [name, value] of Object.entries(given)) {
    if (lines.has(name) && read([name, lines.get(name)]) === value) continue;
    if (value === '') lines.delete(name);
    else lines.set(name, `${name}: ${name === 'tags' ? `[${value.split(',').map(word => scalar(word.trim())).join(', ')}]` : scalar(value)}`);
  }
  return lines.size ? `---\n${[...lines.values()].map(part => part.trimEnd()).join('\n')}\n---\n${entries.length ? '' : '\n'}${rest}` : rest;
}

/** Ask for the front matter of `text`; answers the new text, or undefined. */
export function askFront(text, name, layouts) {
  const now = Object.fromEntries(split(text).entries.map(entry => [entry[0], read(entry)])), value = key => now[key] ?? '';
  const known = [...new Set([value('layout'), ...layouts])].filter(Boolean);
  return formDialog({ title: `Front matter of ${name}`, action: 'Write it', text: 'It goes at the top of the text. The layout finds it as page.title, page.tags and so on.',
    fields: [{ name: 'title', label: 'Title', value: value('title') }, { name: 'description', label: 'Description', value: value('description') }, { name: 'layout', label: 'Layout', options: [['', 'none'], ...known.map(item => [item, item])], value: value('layout') },
      { name: 'tags', label: 'Tags', value: value('tags'), hint: 'Separated by commas' }, { name: 'date', label: 'Date', value: value('date'), placeholder: '2026-01-31' }],
    submit: given => withFront(text, Object.fromEntries(NAMES.map(key => [key, given[key].trim()]))) });
}
