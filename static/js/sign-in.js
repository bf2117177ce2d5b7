// Signing in: on the page for that, and over any other one whose session has ended, which stays as it is with what was typed.
import { CENV, post } from './api.js';
import { $, h } from './dom.js';
import { field, formDialog } from './ui.js';

/** Log in with what a form holds; false where the code is still missing, for which its field is shown. */
export async function logIn(form, { username, password, code }) {
  const second = code ? { [/^[0-9]{6}$/.test(code) ? 'totp' : 'recovery_code']: code } : {};
  try { await post('/login', { username, password, ...second }); } catch (error) {
    const place = $('[data-field="code"]', form);
    if (error.code !== 'totp_required' || !place.hidden) throw error;
    place.hidden = false; // the password was right
    $('input', place).focus();
    return false;
  }
  return true;
}

/** Ask whoever works here for the password; answers whether it was right, which `wce:signed-in` tells the page, too. */
export async function again() {
  const username = document.body.dataset.user, here = encodeURIComponent(location.pathname + location.search);
  const code = field({ name: 'code', label: 'Code', autocomplete: 'one-time-code', hint: 'Six digits from your authenticator app, or a recovery code' });
  code.hidden = true;
  const done = await formDialog({
    title: 'Sign in again', action: 'Sign in', text: `The session of ${username} has ended. Nothing on this page is lost: sign in to continue where you stopped.`,
    fields: [h('input', { type: 'hidden', value: username, autocomplete: 'username' }), { name: 'password', label: 'Password', type: 'password', required: true, autocomplete: 'current-password' }, code,
      h('p', {}, h('a', { class: 'link', href: `${CENV}/login?next=${here}` }, 'Sign in as somebody else'))],
    submit: given => logIn(code.closest('form'), { ...given, username }),
  });
  if (done) document.dispatchEvent(new Event('wce:signed-in'));
  return done;
}
