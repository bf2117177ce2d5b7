// Backups, the cenv as a file, and its end.
import { CENV, del, get, post, send } from './api.js';
import { $, button, empty, fill, h, icon, iconButton } from './dom.js';
import { ago, bytes, date, num, plural } from './format.js';
import { act, begin, confirm, dialog, field, formDialog, toast, toastNext } from './ui.js';

const KINDS = { manual: 'manual', schedule: 'scheduled', import: 'before an import', restore: 'before a restore' };
const owner = document.body.dataset.role === 'owner', id = CENV.slice(1);
const password = { name: 'password', label: 'Your own password', type: 'password', required: true, autocomplete: 'current-password' };
const toLogin = () => location.assign(`${CENV}/login`);

async function create() {
  const made = await post('/admin/backups');
  toast(`The backup is made: ${plural(made.rows, 'row')}, ${bytes(made.bytes)}.`);
  await show();
}

async function restore(backup) {
  const done = await formDialog({
    title: `Restore the backup of ${date(backup.created_at)}`, action: 'Restore the backup', danger: true, fields: [password],
    text: `The cenv goes back to what it was then: ${plural(backup.tables, 'table')} with ${plural(backup.rows, 'row')}, its users, rules and scripts. Its present state is kept as a backup. All sessions end, including yours.`,
    submit: given => post(`/admin/backups/${backup.id}/restore`, given),
  });
  if (!done) return;
  toastNext(`The cenv is back to its state of ${date(backup.created_at)}. Sign in again.`);
  toLogin();
}

async function remove(backup) {
  if (!await confirm({ title: `Delete the backup of ${date(backup.created_at)}`, text: `${bytes(backup.bytes)}, ${plural(backup.rows, 'row')}. It cannot be brought back.`, action: 'Delete the backup' })) return;
  await del(`/admin/backups/${backup.id}`);
  toast('The backup is deleted.');
  await show();
}

function row(backup) {
  const when = date(backup.created_at);
  const acts = owner && h('div', { class: 'inline firm' }, h('a', { class: 'btn sm icon-only ghost', href: `${CENV}/admin/backups/${backup.id}`, download: true, 'aria-label': `Download the backup of ${when}`, title: 'Download' }, icon('download')),
    button('Restore', { kind: 'sm', icon: 'rotate-ccw', 'aria-label': `Restore the backup of ${when}`, onclick: () => act(() => restore(backup)) }), iconButton(`Delete the backup of ${when}`, 'trash-2', { onclick: () => act(() => remove(backup)) }));
  const cells = [h('span', { title: backup.id }, h('b', {}, when), ' ', h('small', {}, ago(backup.created_at))), h('span', { class: `tag ${backup.kind === 'manual' ? 'ok' : ''}` }, KINDS[backup.kind]), backup.created_by || '–',
    bytes(backup.bytes), `${num(backup.tables)} / ${num(backup.rows)}`, h('code', { class: 'mono dim', title: backup.sha256 }, backup.sha256.slice(0, 10)), acts];
  return h('tr', {}, cells.map(cell => h('td', {}, cell)));
}

async function show() {
  const { backups } = await get('/admin/backups');
  fill($('#backups'), backups.length
    ? h('table', { class: 'list' }, h('thead', {}, h('tr', {}, ['Made', 'Kind', 'By', 'Size', 'Tables / rows', 'SHA-256'].map(text => h('th', {}, text)), h('th', {}, h('span', { class: 'sr' }, 'Actions')))), h('tbody', {}, backups.map(row)))
    : empty('archive', 'No backups yet', 'Make one before a risky change. The settings under “Backups” in the configuration make them on a schedule.')).removeAttribute('aria-busy');
}

/** What became of a file; our session is over by now, so closing it leads to the login. */
function told(report) {
  const list = (title, items) => items.length > 0 && [h('h3', {}, title), h('ul', { class: 'plain' }, items.map(item => h('li', {}, item)))];
  const tables = Object.entries(report.tables), lost = report.dropped.map(item => [`${item.type} `, h('code', { class: 'mono' }, item.name), `: ${item.reason}`]);
  if (report.more_dropped) lost.push(`and ${num(report.more_dropped)} more`);
  const close = button('Sign in again', { kind: 'primary', onclick: event => event.currentTarget.closest('dialog').close() });
  dialog('The file is imported', h('div', { class: 'dialog-body' }, h('p', {}, `${report.kind === 'cenv' ? 'It was a cenv' : 'It was a database'}, ${bytes(report.bytes)}. ${report.owner} owns this cenv now. Its previous state is among the backups.`),
    list('Tables', tables.map(([name, rows]) => [h('code', { class: 'mono' }, name), ` ${plural(rows, 'row')}`])), list('Left out', lost), list('Changed during the import', report.notes), h('div', {}, close)), { wide: true, onclose: toLogin });
  close.focus();
}

async function replace() {
  const file = field({ name: 'file', label: 'SQLite file', type: 'file', required: true });
  const report = await formDialog({
    title: 'Replace this cenv with a file', action: 'Replace everything', danger: true, wide: true,
    text: 'Everything in this cenv is replaced in one commit, and kept as a backup. A file that was a cenv brings its own users: sign in as one of them afterwards. All sessions end.',
    fields: [file, { name: 'confirm', label: 'The id of this cenv', required: true, mono: true, placeholder: id, hint: 'Type it to confirm that this is the cenv to replace' }],
    submit: async given => {
      const form = new FormData();
      form.append('confirm', given.confirm.trim());
      form.append('file', $('input', file).files[0]);
      return (await (await send('POST', '/admin/import', form)).json()).report;
    },
  });
  if (report) told(report);
}

async function end() {
  const done = await formDialog({
    title: 'Delete this cenv', action: 'Delete the cenv', danger: true, text: 'Everybody is signed out, and all its addresses stop working.',
    fields: [password, { name: 'confirm', label: 'The id of this cenv', required: true, mono: true, placeholder: id, hint: 'Type it to confirm that this is the cenv to delete' }],
    submit: given => post('/admin/delete', { ...given, confirm: given.confirm.trim() }),
  });
  if (!done) return;
  dialog('The cenv is deleted', h('div', { class: 'dialog-body' }, h('p', {}, `Until ${date(done.until)} you can `, h('a', { class: 'link', href: `/undelete?cenv=${id}` }, 'bring it back'), ' with this id, your user name and your password; so can the operator. Keep the id.'),
    h('pre', { class: 'listing wrapped', tabindex: '0', 'aria-label': 'Id' }, id)), { onclose: () => location.assign('/') });
}

$('#create').addEventListener('click', event => act(create, event.currentTarget));
$('#import')?.addEventListener('click', () => act(replace));
$('#delete')?.addEventListener('click', () => act(end));
begin(show, $('#backups'));
