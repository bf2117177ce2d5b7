// The one Trusted Types policy. HTML comes from Monaco only, which escapes what it shows; scripts come only from our own
// static folder; script text never.
const rules = {
  createHTML: html => html,
  createScript: () => '',
  createScriptURL(url) {
    const u = new URL(url, location);
    if (u.origin !== location.origin || !u.pathname.startsWith('/static/')) throw new TypeError('Blocked script: ' + u);
    return u.href;
  },
};
export const policy = self.trustedTypes?.createPolicy('wce', rules) ?? rules;
