// Builds ../static/vendor (or the folder named) from the pinned npm packages: `make frontend`. The output is committed.
import { createHash } from 'node:crypto';
import { build } from 'esbuild';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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

await rm(out, { recursive: true, force: true });
await mkdir(out + '/fonts', { recursive: true });
await build({
  entryPoints: { editor: 'src/editor.js', 'editor.worker': 'src/editor.worker.js', chart: 'src/chart.js', graph: 'src/graph.js' },
  outdir: out, bundle: true, minify: true, format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'none',
  loader: { '.ttf': 'file' }, assetNames: '[name]', logLevel: 'warning', plugins: [strictCsp],
  alias: { // monaco-vim 0.4.4 imports paths that monaco-editor no longer exports since 0.55
    'monaco-vim': './node_modules/monaco-vim/dist/index.mjs',
    'monaco-editor/esm/vs': './node_modules/monaco-editor/esm/vs',
  },
});
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
const files = (await readdir(out, { recursive: true, withFileTypes: true })).filter(f => f.isFile()).map(f => `${f.parentPath}/${f.name}`.slice(out.length + 1)).sort();
const sums = await Promise.all(files.map(async f => `${createHash('sha256').update(await readFile(`${out}/${f}`)).digest('hex')}  ${f}\n`));
await writeFile(out + '/SHA256SUMS', sums.join(''));
