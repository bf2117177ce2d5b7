// The accounts of a cenv.
import { CENV, del, get, post, put } from './api.js';
import { $, fill, h, icon, iconButton } from './dom.js';
import { ago, date } from './format.js';
import { act, begin, confirm, formDialog, menu, toast } from './ui.js';

const RANKS = ['viewer', 'editor', 'admin', 'owner'];
const ROLES = { viewer: 'Viewer: reads as permissions say', editor: 'Editor: reads and writes as permissions say', admin: 'Admin: all data, users and settings' };
const { role: myRole, userId } = document.body.dataset;
const below = role => RANKS.indexOf(role) < RANKS.indexOf(myRole);
const LOSES = 'Scripts and pages that it saved last stop working until another administrator saves them. Triggers and views that it made go on working: look through them.';
const choices = Object.entries(ROLES).filter(([role]) => below(role));

async function invite() {
  const made = await formDialog({
    title: 'Invite somebody', action: 'Create the account', text: 'Pass on the name, the password and the address of this cenv yourself: no e-mail is sent.',
    fields: [{ name: 'username', label: 'User name', required: true, hint: '3 to 32 letters from A to Z, digits or underscores' },
      { name: 'password', label: 'First password', type: 'password', required: true, autocomplete: 'new-password', hint: '8 to 72 bytes; it can be changed after signing in' },
      { name: 'role', label: 'Role', options: choices, value: 'viewer' }, { name: 'email', label: 'E-mail (optional)', type: 'email' }],
    submit: ({ email, ...given }) => post('/admin/users', email ? { ...given, email } : given),
  });
  if (!made) return;
  toast(`${made.username} can sign in now.`, { action: { label: 'Set permissions', run: () => location.assign(`${CENV}/admin/permissions`) } });
  await show();
}

const change = async (user, changes, told) => { await put(`/admin/users/${user.user_id}`, changes); toast(told); await show(); };

async function edit(user) {
  await formDialog({
    title: `Change ${user.username}`, action: 'Save', text: `A lower role ends the sessions of the account.${user.role === 'admin' ? ' Scripts and pages that it saved last can then do no more than it can, until another administrator saves them.' : ''}`,
    fields: [{ name: 'role', label: 'Role', options: choices, value: user.role }, { name: 'email', label: 'E-mail', type: 'email', value: user.email ?? '' }],
    submit: given => change(user, { ...(given.role === user.role ? {} : { role: given.role }), email: given.email || null }, `${user.username} is changed.`),
  });
}

const reset = user => formDialog({
  title: `New password for ${user.username}`, action: 'Set the password', text: 'All sessions of the account end.',
  fields: [{ name: 'password', label: 'New password', type: 'password', required: true, autocomplete: 'new-password', hint: '8 to 72 bytes' }],
  submit: given => change(user, given, `${user.username} has a new password.`),
});

async function able(user) {
  if (user.enabled && !await confirm({ title: `Disable ${user.username}`, text: `All sessions of the account end, and nobody can sign in with it until it is enabled again.${user.role === 'admin' ? ` ${LOSES}` : ''}`, action: 'Disable' })) return;
  await change(user, { enabled: !user.enabled }, `${user.username} is ${user.enabled ? 'disabled' : 'enabled'}.`);
}

async function factor(user) {
  if (!await confirm({ title: `Remove the second factor of ${user.username}`, text: 'For somebody who has lost their device: only the password is asked for then.', action: 'Remove it' })) return;
  await del(`/admin/users/${user.user_id}/totp`);
  toast(`${user.username} now signs in with only the password.`);
}

async function remove(user) {
  if (!await confirm({ title: `Delete ${user.username}`, text: `The account is deleted with its permissions, policies and sessions. ${user.role === 'admin' ? LOSES : 'Rows that it wrote remain.'} Its name is free then: rows that a policy opens by the name are open to whoever has it next. Disabling the account keeps the name.`, action: 'Delete the account', typed: user.username })) return;
  await del(`/admin/users/${user.user_id}`);
  toast(`${user.username} is deleted.`);
  await show();
}

async function handOver(user) {
  const done = await formDialog({
    title: `Make ${user.username} the owner`, action: 'Hand over the cenv', danger: true, text: 'There is one owner. You become an administrator, are signed out everywhere else, and cannot take it back yourself.',
    fields: [{ name: 'password', label: 'Your own password', type: 'password', required: true, autocomplete: 'current-password' }],
    submit: given => post(`/admin/users/${user.user_id}/owner`, given),
  });
  if (done) location.reload();
}

function acts(user) {
  const items = [{ label: 'Role and e-mail', icon: 'pencil', run: () => act(() => edit(user)) }, { label: 'New password', icon: 'key-round', run: () => act(() => reset(user)) },
    { label: 'Remove the second factor', icon: 'smartphone', run: () => act(() => factor(user)) }, { label: user.enabled ? 'Disable' : 'Enable', icon: user.enabled ? 'ban' : 'circle-check', run: () => act(() => able(user)) }];
  if (myRole === 'owner' && user.enabled) items.push({ label: 'Make the owner', icon: 'crown', run: () => act(() => handOver(user)) });
  return [...items, { label: 'Delete', icon: 'trash-2', danger: true, run: () => act(() => remove(user)) }];
}

function row(user, names) {
  const mine = String(user.user_id) === userId;
  const cells = [h('div', { class: 'person' }, h('span', { class: 'avatar', 'aria-hidden': 'true' }, user.username.slice(0, 2).toUpperCase()), h('div', {}, h('b', {}, user.username), h('small', {}, user.email ?? ''))),
    h('span', { class: `tag ${user.role === 'owner' ? 'ok' : ''}` }, user.role), user.enabled ? h('span', { class: 'tag ok' }, 'active') : h('span', { class: 'tag no' }, 'disabled'),
    h('span', { class: 'dim', title: user.last_login && date(user.last_login) }, user.last_login ? ago(user.last_login) : 'never'), h('span', { class: 'dim' }, names.get(user.invited_by) ?? (user.role === 'owner' ? 'created the cenv' : 'registered')),
    below(user.role) && !mine ? iconButton(`Actions for ${user.username}`, 'ellipsis', { 'aria-haspopup': 'menu', onclick: event => menu(event.currentTarget, acts(user)) }) : mine ? h('a', { class: 'more', href: `${CENV}/me` }, 'Profile') : null];
  return h('tr', {}, cells.map(cell => h('td', {}, cell)));
}

async function show() {
  const { users } = await get('/admin/users');
  const names = new Map(users.map(user => [user.user_id, `by ${user.username}`]));
  users.sort((a, b) => RANKS.indexOf(b.role) - RANKS.indexOf(a.role) || a.username.localeCompare(b.username));
  fill($('#users'), h('table', { class: 'list' }, h('thead', {}, h('tr', {}, ['User', 'Role', 'State', 'Last login', 'Invited'].map(text => h('th', {}, text)), h('th', {}, h('span', { class: 'sr' }, 'Actions')))),
    h('tbody', {}, users.map(user => row(user, names))))).removeAttribute('aria-busy');
}

$('#invite').addEventListener('click', () => act(invite));
if (location.hash === '#invite') act(invite);
begin(show, $('#users'));
