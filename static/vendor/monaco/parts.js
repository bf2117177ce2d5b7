// Monaco, part by part in the order in which they run; the last one exports it.
export const parts = [
  ['./KP7O276S.js', () => import('./KP7O276S.js')],
  ['./5YWCJYKM.js', () => import('./5YWCJYKM.js')],
  ['./LKFS5Y7Z.js', () => import('./LKFS5Y7Z.js')],
  ['./G2SP27OR.js', () => import('./G2SP27OR.js')],
  ['./CW3I6MCW.js', () => import('./CW3I6MCW.js')],
  ['./CEDER2RR.js', () => import('./CEDER2RR.js')],
  ['./743OGL4Z.js', () => import('./743OGL4Z.js')],
  ['./4QPTRGD2.js', () => import('./4QPTRGD2.js')],
  ['./YAK6S6FC.js', () => import('./YAK6S6FC.js')],
  ['./VKIGH466.js', () => import('./VKIGH466.js')],
  ['./HRRZGK3R.js', () => import('./HRRZGK3R.js')],
  ['./4WYWZCU6.js', () => import('./4WYWZCU6.js')],
  ['./HFYPEHSD.js', () => import('./HFYPEHSD.js')],
  ['../editor.js', () => import('../editor.js')],
];
