// Ways in: a new cenv, one by its address, signing in, registering.
import { CENV, Problem, api, post } from './api.js';
import { $, $$, button, h } from './dom.js';
import { logIn } from './sign-in.js';
import { dialog, toastNext, wire } from './ui.js';

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;
const place = $('.sign-in');
// A link from elsewhere brings no cookie along. The same address asked for by ourselves does, and whoever is signed in goes on.
if (place && 'foreign' in place.dataset && !sessionStorage.getItem('again')) {
  sessionStorage.setItem('again', '1');
  location.replace(location.href);
} else sessionStorage.removeItem('again');

/** The users that an example brings, with passwords that nobody tells again. */
function tellOnce(users, onclose) {
  const rows = Object.entries(users).map(([name, secret]) => h('tr', {}, h('td', {}, name), h('td', {}, h('code', {}, secret))));
  const el = dialog('Users of this example', h('div', {},
    h('div', { class: 'dialog-body' }, h('p', {}, 'Write these passwords down: they are shown only now. An administrator can set new ones.'), h('table', {}, h('tbody', {}, rows))),
    h('footer', {}, button('Continue', { kind: 'primary', onclick: () => el.close() }))), { onclose });
}

const forms = {
  async new({ username, password, example }) {
    const { cenv_id: id, users = {} } = await post('/new', { username, password, ...(example ? { example } : {}) });
    // The cenv is there now: where signing in fails its own page asks once more, and nobody makes a second one.
    try { await api('POST', `/${id}/login`, { username, password }); } catch (error) { if (!(error instanceof Problem)) throw error; }
    const goOn = () => location.assign(`/${id}/`);
    if (Object.keys(users).length) tellOnce(users, goOn); else goOn();
  },
  async login(given) {
    if (await logIn($('[data-form="login"]'), given)) location.assign(place.dataset.next + location.hash); // the part behind # came along when the page asked for led here
  },
  async register({ username, password, email }) {
    await post('/register', { username, password, ...(email ? { email } : {}) });
    location.assign(place.dataset.next || `${CENV}/`);
  },
  async undelete({ cenv_id: address, username, password }) {
    const id = UUID.exec(address)?.[0].toLowerCase();
    if (!id) throw new Problem(400, { errors: [{ field: 'cenv_id', message: 'must contain an id like 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed' }] });
    try { await post('/undelete', { cenv_id: id, username, password }); } catch (error) {
      if (error.code === 'bad_credentials') error.message = 'No deleted cenv has this id and this owner with this password. Check all three. A cenv that still exists opens at its address; for one deleted too long ago, ask the operator for a backup.';
      throw error;
    }
    toastNext('The cenv is back as it was. Sign in.');
    location.assign(`/${id}/login`);
  },
};
for (const [name, submit] of Object.entries(forms)) {
  const form = $(`[data-form="${name}"]`);
  if (form) wire(form, submit);
}

const open = $('[data-form="open"]');
open?.addEventListener('submit', event => {
  event.preventDefault();
  const id = UUID.exec(open.elements.address.value)?.[0];
  $('.form-error', open).hidden = Boolean(id);
  $('.form-error', open).textContent = 'The address of a cenv contains an id like 1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed.';
  if (id) location.assign(`/${id.toLowerCase()}/`);
});

for (const button of $$('[data-show]')) {
  button.addEventListener('click', () => {
    for (const form of $$('form[data-form]')) {
      form.hidden = form.dataset.form !== button.dataset.show;
      if (!form.hidden) document.title = document.title.replace(/^[^·]*/, `${form.ariaLabel} `);
    }
    $(`[data-form="${button.dataset.show}"] input`).focus();
  });
}
$('.sign-in input')?.focus();
