// Builds ../static/vendor (or the folder named) from the pinned npm packages: `make frontend`. The output is committed.
import { createHash } from 'node:crypto';
import { build } from 'esbuild';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { icons } from './icons.mjs';

const out = process.argv[2] ?? '../static/vendor', nm = 'node_modules/';
const seen = {};
const sub = (text, tag, re, to) => text.replace(re, (...m) => (seen[tag] = (seen[tag] ?? 0) + 1, to.replace(/\$(\d)/g, (_, i) => m[i])));

const strictCsp = { // Monaco and monaco-vim without <style> elements and style attributes (src/csp.js)
  name: 'strict-csp',
  setup: b => b.onLoad({ filter: /monaco-editor\/esm\/vs\/(base|editor)\/.*\.js$|monaco-vim\/dist\/.*\.mjs$/ }, async ({ path }) => {
    const source = await readFile(path, 'utf8');
    let s = sub(source, 'style element', /document\.createElement\('style'\)/g, 'cspStyle()');
    s = sub(s, 'setAttribute', /\.setAttribute\((['"])style\1, /g, '.style.cssText = (');
    if (!/dompurify|editor\/common\/(languages|viewModel)\//.test(path)) { // those make HTML for the clipboard only
      s = sub(s, 'style attribute', /style="/g, 'data-css="');
      s = sub(s, 'innerHTML', /^(\s*)([\w.]+)\.innerHTML = (.*?);/gm, '$1$2.innerHTML = $3; cspCss($2);');
      s = sub(s, 'insertAdjacentHTML', /^(\s*)([\w.]+)\.insertAdjacentHTML\((.*?)\);/gm, '$1$2.insertAdjacentHTML($3); cspCss($2.parentNode ?? $2);');
    }
    return { loader: 'js', contents: s === source ? s : `import { cspStyle, cspCss } from '${import.meta.dirname}/src/csp.js';\n${s}` };
  }),
};

const options = {
  bundle: true, minify: true, format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'none', logLevel: 'warning', metafile: true, outdir: out,
  loader: { '.ttf': 'file' }, assetNames: '[name]',
};

// Running Monaco's modules takes longer than a frame, or ten. They are cut into parts in the order in which they run, so that a page may take breath
// between them: each part imports a longer beginning of that list, and what esbuild makes for it alone is what it adds to the part before.
const PARTS = 14;
function inOrder(inputs, from, done = new Set(), begun = new Set()) {
  if (begun.has(from)) return done;
  begun.add(from);
  for (const { path, external } of inputs[from].imports) if (!external && /\.m?js$/.test(path)) inOrder(inputs, path, done, begun);
  return done.add(from);
}
async function partsOf(entry) {
  const { metafile: { inputs, outputs } } = await build({ ...options, entryPoints: [entry], write: false });
  const { inputs: sizes } = Object.values(outputs).find(output => output.entryPoint === entry);
  const modules = [...inOrder(inputs, entry)].filter(path => sizes[path]?.bytesInOutput && path !== entry), total = modules.reduce((sum, path) => sum + sizes[path].bytesInOutput, 0);
  let sum = 0;
  const parts = Array.from({ length: PARTS - 1 }, () => []);
  for (const path of modules) {
    parts.forEach((part, i) => { if (sum < (i + 1) * total / PARTS) part.push(path); });
    sum += sizes[path].bytesInOutput;
  }
  return parts;
}
const parts = await partsOf('src/editor.js');
const asParts = {
  name: 'parts',
  setup(b) {
    b.onResolve({ filter: /^part-\d+$/ }, ({ path }) => ({ path, namespace: 'part' }));
    b.onLoad({ filter: /.*/, namespace: 'part' }, ({ path }) => ({ resolveDir: '.', contents: parts[path.slice(5) - 1].map(module => `import './${module}';`).join('\n') }));
  },
};
const vimOnMonaco = { // monaco-vim takes from the editor that is there what it would bundle for itself
  name: 'vim-on-monaco',
  setup: b => b.onResolve({ filter: /^monaco-editor\/esm\/vs\// }, () => ({ path: './editor.js', external: true })),
};

await rm(out, { recursive: true, force: true });
await mkdir(out + '/fonts', { recursive: true });
await build({ ...options, entryPoints: { 'editor.worker': 'src/editor.worker.js', chart: 'src/chart.js', graph: 'src/graph.js' } });
await build({ ...options, entryPoints: { vim: 'src/vim.js' }, plugins: [strictCsp, vimOnMonaco], alias: { 'monaco-vim': './node_modules/monaco-vim/dist/index.mjs' } });
const { metafile: { outputs } } = await build({ ...options, splitting: true, chunkNames: 'monaco/[hash]', plugins: [strictCsp, asParts],
  entryPoints: { editor: 'src/editor.js', ...Object.fromEntries(parts.map((_, i) => [`part-${i + 1}`, `part-${i + 1}`])) } });
// A part's entry held nothing but imports: the list of the files that it added takes its place.
const output = Object.entries(outputs), made = new Set();
const files = parts.map((_, i) => {
  const [path, { imports }] = output.find(([, { entryPoint }]) => entryPoint === `part:part-${i + 1}`);
  const added = imports.filter(file => !made.has(file.path)).map(file => { made.add(file.path); return basename(file.path); });
  if (added.length !== 1) throw new Error(`${path} should add one file, not ${added.length}`);
  return './' + added[0];
});
for (let i = 1; i < PARTS; i++) for (const end of ['js', 'css']) await rm(`${out}/part-${i}.${end}`, { force: true });
await writeFile(out + '/monaco/parts.js', `// Monaco, part by part in the order in which they run; the last one exports it.\nexport const parts = [\n${[...files, '../editor.js'].map(file => `  ['${file}', () => import('${file}')],\n`).join('')}];\n`);

const expected = '{"innerHTML":7,"insertAdjacentHTML":3,"setAttribute":2,"style attribute":25,"style element":2}';
const got = JSON.stringify(Object.fromEntries(Object.entries(seen).sort()));
if (got !== expected) throw new Error(`Monaco has changed: review strictCsp. expected ${expected}, got ${got}`);

for (const f of ['inter-latin', 'inter-latin-ext', 'jetbrains-mono-latin', 'jetbrains-mono-latin-ext'])
  await copyFile(`${nm}@fontsource-variable/${f.replace(/-latin.*/, '')}/files/${f}-wght-normal.woff2`, `${out}/fonts/${f}.woff2`);

const symbol = async n => (await readFile(`${nm}lucide-static/icons/${n}.svg`, 'utf8'))
  .replace(/<!--.*?-->/s, '').replace(/<svg[^>]*>/s, `<symbol id="${n}" viewBox="0 0 24 24">`).replace('</svg>', '</symbol>').replace(/\s+/g, ' ').trim();
await writeFile(out + '/icons.svg', `<svg xmlns="http://www.w3.org/2000/svg">${(await Promise.all(icons.map(symbol))).join('\n')}</svg>\n`);

let notices = '';
for (const p of ['monaco-editor', 'monaco-vim', 'chart.js', '@kurkle/color', '@dagrejs/dagre', '@dagrejs/graphlib', 'lucide-static', '@fontsource-variable/inter', '@fontsource-variable/jetbrains-mono']) {
  const { version } = JSON.parse(await readFile(`${nm}${p}/package.json`, 'utf8'));
  const text = await Promise.any(['LICENSE', 'LICENSE.md', 'LICENSE.txt'].map(f => readFile(nm + p + '/' + f, 'utf8')));
  notices += `\n==== ${p} ${version} ====\n\n${text.trim()}\n`;
}
await writeFile(out + '/LICENSES.txt', notices.trimStart() + '\n==== monaco-editor: third-party notices ====\n\n' + await readFile(nm + 'monaco-editor/ThirdPartyNotices.txt', 'utf8'));

// What a machine without Node compares the files with.
const all = (await readdir(out, { recursive: true, withFileTypes: true })).filter(f => f.isFile()).map(f => `${f.parentPath}/${f.name}`.slice(out.length + 1)).sort();
const sums = await Promise.all(all.map(async f => `${createHash('sha256').update(await readFile(`${out}/${f}`)).digest('hex')}  ${f}\n`));
await writeFile(out + '/SHA256SUMS', sums.join(''));
