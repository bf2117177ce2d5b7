// Numbers, sizes and times for people.
let short, day; // made for the first that wants them: Intl takes its time

export const num = value => String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, '\u202f');
export const compact = value => (short ??= new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })).format(value);
export const plural = (count, one, many = one + 's') => `${num(count)} ${count === 1 ? one : many}`;
export const date = seconds => (day ??= new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })).format(new Date(seconds * 1000));

export function bytes(value) {
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1024 || unit === 'GiB') return `${value < 10 && unit !== 'B' ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1024;
  }
}

export function duration(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round(ms % 60_000 / 1000)} s`;
}

/** "4 min ago", "in 2 h". */
export function ago(seconds, now = Date.now() / 1000) {
  const past = now - seconds, size = Math.abs(past);
  if (size < 5) return 'now';
  const [unit, per] = [['s', 1], ['min', 60], ['h', 3600], ['d', 86_400], ['months', 2_592_000], ['years', 31_536_000]].findLast(([, per]) => size >= per);
  const text = `${Math.floor(size / per)} ${unit}`;
  return past > 0 ? `${text} ago` : `in ${text}`;
}

/** Browser and system out of a User-Agent, as far as people need it. */
export function device(agent) {
  const browser = /(Firefox|Edg|OPR|Chrome|Safari|curl|python-requests|Python-urllib)\/?/.exec(agent)?.[1];
  const names = { Edg: 'Edge', OPR: 'Opera', 'python-requests': 'Python', 'Python-urllib': 'Python' };
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent)?.[1];
  return [names[browser] ?? browser ?? 'A program', system && `on ${system.replace('Mac OS X', 'macOS')}`].filter(Boolean).join(' ');
}
