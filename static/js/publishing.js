// What a page is before it is published, and what its visitors get afterwards.
import { CENV, Problem, get, send } from './api.js';
import { h } from './dom.js';
import { confirm, toast } from './ui.js';

const FAILS = [502, 504]; // the page itself fails, and not whoever asks for it
const SAMPLE = '1'; // stands for each part of the address that differs
const placeholders = name => [...name.matchAll(/\{(\w+)/g)].map(found => found[1]);

/** The address of a page; of one with placeholders an example. */
export const pagePath = ({ name }) => `${CENV}/pages/${name === 'index' ? '' : name.replace(/\/index$/, '/').replace(/\{[^}]*\}/g, SAMPLE)}`;

/** A text as the page that it would be, as one would see it oneself. */
export async function render(item, text) {
  const params = Object.fromEntries(placeholders(item.name).map(name => [name, SAMPLE]));
  return (await send('POST', '/admin/templates/preview', { syntax: item.syntax, content: text, name: item.name, params }, { quiet: true })).text();
}

const reason = problem => problem.errors.find(({ field }) => field === 'template')?.message;
const first = text => text.split('\n')[0].replace(/\.$/, '');

/** What is wrong with a page, in a line, and whether it is `here` and not in another template that it uses. */
export function findFault(problem, item) {
  const failed = reason(problem), here = !failed || failed.startsWith(`${item.name}, line `), { line } = problem.position ?? {};
  return { here, told: failed ? first(here ? failed.slice(item.name.length + 2) : failed) : `${line ? `line ${line}: ` : ''}${first(problem.message)}` };
}

/** Run it, and answer the Problem of a page that fails; what else goes wrong says nothing about the page. */
async function failure(run) {
  try { await run(); } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return FAILS.includes(problem.status) ? problem : undefined;
  }
  return undefined;
}

/** Whether a page is to be published; asks where it fails. */
export async function mayPublish(item, text) {
  const problem = await failure(() => render(item, text));
  return !problem || confirm({
    title: `Publish ${item.name} with its error`, action: 'Publish it anyway',
    text: [`It cannot be rendered${placeholders(item.name).length ? `, for example at ${pagePath(item).slice(CENV.length)}` : ''}:`, h('pre', { class: 'listing wrapped', tabindex: '0', 'aria-label': 'Error' }, reason(problem) ?? problem.message), 'Until that is mended, visitors see an error page.'],
  });
}

/** Say what visitors of a published page get in its place, where it is an error page. `settings` opens those of the page. */
export async function warn(item, settings) {
  if (!item.published) return;
  const mine = await failure(() => render(item, item.content));
  if (mine) { toast(`Visitors of ${item.name} see an error page now: ${findFault(mine, item).told}.`, { kind: 'error' }); return; }
  if (item.access !== 'public') return;
  // As somebody who is not signed in asks; where pages have a host of their own, the way there tells nothing.
  const theirs = await failure(() => send('GET', pagePath(item), undefined, { quiet: true, fetching: { credentials: 'omit', redirect: 'manual' } }));
  if (!theirs) return;
  const run = (await get(`/admin/templates/${item.id}/runs`)).runs.find(found => found.request_id === theirs.request_id), way = item.run_as === 'caller' ? ' It shows them only what the public may read. Give the public a permission, or let the page read with your rights.' : '';
  toast(`Whoever is not signed in sees an error page instead of ${item.name}: ${first(run?.error?.message ?? theirs.message)}.${way}`, { kind: 'error', ...(way && { action: { label: 'Settings', run: settings } }) });
}
