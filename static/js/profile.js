// One's own account.
import { get, post } from './api.js';
import { $, empty, fill, h, icon } from './dom.js';
import { begin, toastNext, wire } from './ui.js';

const RIGHTS = [['can_read', 'Read'], ['can_write', 'Write'], ['can_delete', 'Delete'], ['can_grant', 'Pass on']];

const form = $('[data-form="password"]');
wire(form, async given => {
  await post('/password', given);
  toastNext(`Your password is changed; all other sessions have ended${given.end_keys ? ', and your API keys are revoked' : ''}.`);
  location.reload(); // the new session has a token of its own
});

const mark = yes => h('td', { class: 'c' }, yes ? h('span', { class: 'good' }, icon('check'), h('span', { class: 'sr' }, 'yes')) : h('span', { class: 'dim' }, '–', h('span', { class: 'sr' }, 'no')));
begin(async () => {
  const { permissions } = await get('/me');
  const names = Object.keys(permissions);
  fill($('#rights'), names.length
    ? h('table', { class: 'list' }, h('thead', {}, h('tr', {}, h('th', {}, 'Table'), RIGHTS.map(([, label]) => h('th', { class: 'c' }, label)))),
      h('tbody', {}, names.map(name => h('tr', {}, h('td', { class: 'mono name', title: name }, name), RIGHTS.map(([right]) => mark(permissions[name][right]))))))
    : empty('table-2', 'No tables yet', 'Tables that you may use will be listed here.')).removeAttribute('aria-busy');
}, $('#rights'));
