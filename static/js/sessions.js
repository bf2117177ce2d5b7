// One's own sessions: which there are, and their end.
import { CENV, del, get } from './api.js';
import { $, button, fill, h, icon } from './dom.js';
import { ago, date, device } from './format.js';
import { act, begin, confirm, toast } from './ui.js';

async function end(session) {
  const name = `${device(session.user_agent)} (${session.ip_address})`;
  if (!await confirm({ title: session.current ? 'Sign out here' : `End the session on ${name}`, text: session.current ? 'This is the session that you are using.' : 'Whoever uses it must sign in again.', action: 'End it' })) return;
  await del(`/sessions/${session.session_id}`);
  if (session.current) location.assign(`${CENV}/login`);
  else { toast(`The session on ${name} has ended.`); await show(); }
}

function row(session) {
  const phone = /Android|iPhone|iPad/.test(session.user_agent);
  return h('li', {}, h('span', { class: 'feed-ic tone-accent' }, icon(phone ? 'smartphone' : 'monitor')),
    h('div', { class: 'grow' }, h('b', {}, device(session.user_agent), session.current && h('span', { class: 'tag ok' }, 'this device')),
      h('small', { title: session.user_agent }, `${session.ip_address} · last used ${ago(session.last_used)} · signed in ${date(session.created_at)} · until ${date(session.expires_at)}`)),
    button(session.current ? 'Sign out' : 'End', { kind: 'sm', 'aria-label': `End the session on ${device(session.user_agent)}, signed in ${date(session.created_at)}`, onclick: () => act(() => end(session)) })); // the question keeps a second click away; a button that is off could not have the focus again
}

async function show() {
  const { sessions } = await get('/sessions');
  sessions.sort((a, b) => b.current - a.current || b.last_used - a.last_used);
  fill($('#sessions'), sessions.map(row)).removeAttribute('aria-busy');
}

$('#end-all').addEventListener('click', event => act(async () => {
  if (!await confirm({ title: 'Sign out everywhere', text: 'All your sessions end, including this one.', action: 'Sign out everywhere' })) return;
  await del('/sessions');
  location.assign(`${CENV}/login`);
}, event.currentTarget));
begin(show, $('#sessions'));
