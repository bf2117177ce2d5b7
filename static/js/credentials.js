// One's own second factor and API keys.
import { CENV, api, del, get, post } from './api.js';
import { choices } from './choices.js';
import { $, administers, button, empty, fill, h, icon, iconButton } from './dom.js';
import { ago, date, plural } from './format.js';
import { act, begin, confirm, copy, dialog, field, formDialog, toast } from './ui.js';

const password = { name: 'password', label: 'Your password', type: 'password', required: true, autocomplete: 'current-password' };

/** Show something that is told this once, with a button that copies it. */
function once(title, text, secret) {
  dialog(title, h('div', { class: 'dialog-body' }, h('p', {}, text), h('pre', { class: 'listing', tabindex: '0', 'aria-label': title }, secret),
    h('div', {}, button('Copy', { icon: 'copy', onclick: () => act(() => copy(secret, title)) }))), { wide: true });
}

const recovery = codes => once('Recovery codes', 'Each can be used once instead of a code from the app. Keep them apart from the app: they are shown only now.', codes.join('\n'));

async function setUp() {
  const made = await formDialog({ title: 'Set up a second factor', action: 'Continue', text: 'You need an authenticator app on your phone.', fields: [password], submit: given => post('/totp', given) });
  if (!made) return;
  const done = await formDialog({
    title: 'Scan and confirm', action: 'Switch it on', fields: [
      h('div', { class: 'qr' }, h('img', { src: `data:image/svg+xml,${encodeURIComponent(made.qr_svg)}`, alt: 'QR code for the app', width: 196, height: 196 }), h('p', {}, 'Scan this with the app, or type the secret: ', h('code', { class: 'mono' }, made.secret))),
      field({ name: 'totp', label: 'Code from the app', required: true, autocomplete: 'one-time-code', hint: 'Six digits' })],
    submit: given => post('/totp/confirm', given),
  });
  if (!done) return;
  await showFactor();
  recovery(done.recovery_codes);
}

async function renew() {
  const done = await formDialog({ title: 'New recovery codes', action: 'Make new ones', text: 'The old ones stop working.', fields: [password], submit: given => post('/totp/recovery-codes', given) });
  if (!done) return;
  await showFactor();
  recovery(done.recovery_codes);
}

async function off() {
  const done = await formDialog({ title: 'Switch the second factor off', action: 'Switch it off', danger: true, text: 'Only the password is asked for then.', fields: [password], submit: given => api('DELETE', '/totp', given) });
  if (done) { toast('The second factor is off.'); await showFactor(); }
}

async function showFactor() {
  const { enabled, since, recovery_codes_left: left } = await get('/totp');
  fill($('#totp'), enabled
    ? h('div', { class: 'in-row' }, h('span', { class: 'tag ok' }, 'on'), h('span', { class: 'dim grow' }, `since ${date(since)} · ${plural(left, 'recovery code')} left`), button('New recovery codes', { kind: 'sm', onclick: () => act(renew) }), button('Switch off', { kind: 'sm', onclick: () => act(off) }))
    : h('div', { class: 'in-row' }, h('span', { class: 'tag' }, 'off'), h('span', { class: 'dim grow' }, 'Anybody who learns your password can sign in with it.'), button('Set up', { icon: 'smartphone', onclick: () => act(setUp) }))).removeAttribute('aria-busy');
}

const words = text => text.split(/[\s,]+/).filter(Boolean);

async function newKey() {
  const [{ tables }, { endpoints }] = await Promise.all([get('/tables'), administers() ? get('/admin/endpoints') : { endpoints: [] }]);
  const paths = [...new Set(endpoints.map(({ path }) => path))];
  const fromTables = choices({ name: 'scope.tables', label: 'Only these tables', items: tables.map(({ name }) => name), hint: 'If none is ticked, all that you may use', some: 'The key calls no endpoints, unless you choose some as well' });
  const fromPaths = choices({ name: 'scope.endpoints', label: 'Only these endpoints', items: paths, hint: 'If none is ticked, all that you may call', some: 'The key uses no tables, unless you choose some as well' });
  const made = await formDialog({
    title: 'New API key', action: 'Make the key', text: 'It can do what you may do, or less.',
    fields: [{ name: 'name', label: 'Name', required: true, placeholder: 'nightly report' }, { name: 'days', label: 'Days until it expires', type: 'number', min: 1, hint: 'If empty, it does not expire' },
      { name: 'read_only', label: 'May only read', type: 'checkbox', value: true }, ...(tables.length ? [fromTables.el] : []),
      ...(paths.length ? [fromPaths.el] : administers() ? [] : [{ name: 'scope.endpoints', label: 'Only these endpoints', placeholder: 'all that you may call', mono: true, hint: 'Their paths, such as /orders. With some here, the key uses no tables, unless you choose some as well' }]),
      ...(administers() ? [{ name: 'administration', label: 'May administer this cenv', type: 'checkbox' }, { ...password, required: false, hint: 'Needed if the key may administer' }] : [])],
    submit: given => { const some = { tables: fromTables.picked(), endpoints: paths.length ? fromPaths.picked() : words(given['scope.endpoints'] ?? '') }; return post('/keys', {
      name: given.name, ...(given.days && { expires_in_days: given.days }), ...(given.password && { password: given.password }),
      scope: { ...(given.read_only && { read_only: true }), ...(some.tables.length && { tables: some.tables }), ...(some.endpoints.length && { endpoints: some.endpoints }), ...(given.administration && { administration: true }) },
    }); },
  });
  if (!made) return;
  await showKeys();
  once(`The key ${made.name}`, `It is shown only now. Programs send it as “Authorization: Bearer …” to ${location.origin}${CENV}/.`, made.key);
}

const told = ({ read_only, tables, endpoints, administration }) => [read_only ? 'reads only' : 'reads and writes', tables && `tables ${tables.join(', ')}`, endpoints && `endpoints ${endpoints.join(', ')}`, administration && 'administers'].filter(Boolean).join(' · ');

async function revoke(key) {
  if (!await confirm({ title: `Revoke the key ${key.name}`, text: 'Programs that use it are refused from now on.', action: 'Revoke' })) return;
  await del(`/keys/${key.id}`);
  toast(`The key ${key.name} is revoked.`);
  await showKeys();
}

async function showKeys() {
  const { keys } = await get('/keys');
  const line = key => h('li', {}, h('span', { class: 'feed-ic tone-accent' }, icon('key-round')), h('div', { class: 'grow' }, h('b', {}, key.name), h('small', {}, `${told(key.scope ?? {})} · ${key.last_used ? `used ${ago(key.last_used)}` : 'never used'} · ${key.expires_at ? `until ${date(key.expires_at)}` : 'does not expire'}`)), iconButton(`Revoke the key ${key.name}`, 'trash-2', { onclick: () => act(() => revoke(key)) }));
  fill($('#keys'), keys.length ? keys.map(line) : h('li', {}, empty('key-round', 'No keys', 'Make one for a program that should not know your password.'))).removeAttribute('aria-busy');
}

$('#new-key').addEventListener('click', () => act(newKey));
begin(showFactor, $('#totp'));
begin(showKeys, $('#keys'));
