// Charts of Chart.js in our colours. It is fetched for the first of them that comes into view.
import { color } from './app.js';
import { act } from './ui.js';

const charts = new Map(), fade = (c, a) => c.replace(/rgb\((.*)\)/, `rgba($1, ${a})`);
export const TONES = ['accent', 'teal', 'amber', 'rose'];

let coming = null, before = Promise.resolve();
const inView = box => new Promise(seen => { new IntersectionObserver((entries, observer) => { if (entries.some(entry => entry.isIntersecting)) { observer.disconnect(); seen(); } }, { rootMargin: '80px' }).observe(box); });
/** Draws {labels, series: [{label, data, tone}]} into a .chart element. */
export const draw = (box, kind, data, options) => act(async () => {
  await inView(box);
  const { Chart } = await (coming ??= import('../vendor/chart.js'));
  await (before = before.then(() => new Promise(resolve => { setTimeout(resolve); }))); // one at a time, with a breath before each
  if (box.isConnected) drawWith(Chart, box, kind, data, options);
});
function drawWith(Chart, box, kind, { labels, series }, { stacked = false, log = false } = {}) {
  const canvas = box.querySelector('canvas'), line = kind === 'line', pie = kind === 'doughnut';
  charts.get(canvas)?.chart.destroy();
  Object.assign(Chart.defaults, { color: color('text-3'), borderColor: color('line'), animation: false, maintainAspectRatio: false });
  Object.assign(Chart.defaults.font, { family: 'Inter, system-ui, sans-serif', size: 11 });
  const compact = new Intl.NumberFormat('en', { notation: 'compact' });
  const axis = { border: { display: false }, ticks: { sampleSize: 12, maxRotation: 0, autoSkipPadding: 18, padding: 6 } };
  const chart = new Chart(canvas, {
    type: kind,
    data: { labels, datasets: series.map((s, i) => {
      const c = color('chart-' + (s.tone ?? TONES[i % 4]));
      return { label: s.label, data: s.data, borderColor: pie ? color('surface') : c, backgroundColor: pie ? labels.map((_, j) => fade(color('chart-' + TONES[j % 4]), 1 - .22 * Math.floor(j / 4))) : line ? fade(c, .1) : kind === 'scatter' ? fade(c, .75) : c,
        fill: line && series.length < 3 ? 'origin' : false, borderWidth: line ? 1.75 : pie ? 2 : 0, pointRadius: kind === 'scatter' ? 3.5 : 0, pointHoverRadius: 4, pointHoverBackgroundColor: c, tension: .25,
        borderRadius: kind === 'bar' && !stacked ? 4 : stacked ? 1 : 0, barPercentage: stacked ? .82 : .72, categoryPercentage: stacked ? .95 : .9, maxBarThickness: 44 };
    }) },
    options: {
      interaction: { mode: pie || kind === 'scatter' ? 'nearest' : 'index', intersect: pie || kind === 'scatter' },
      scales: pie ? {} : { x: { ...axis, type: 'category', stacked, grid: { display: false } }, y: { ...axis, stacked, type: log ? 'logarithmic' : 'linear', beginAtZero: true, grid: { color: color('line') }, ticks: { ...axis.ticks, maxTicksLimit: 6, callback: v => compact.format(v) } } },
      plugins: { legend: { display: pie, position: 'right', labels: { boxWidth: 8, boxHeight: 8, padding: 10 } },
        tooltip: { backgroundColor: color('surface'), titleColor: color('text'), bodyColor: color('text-2'), borderColor: color('line-2'), borderWidth: 1, padding: 10, cornerRadius: 8, boxWidth: 8, boxHeight: 8, boxPadding: 4, usePointStyle: false } },
    },
  });
  charts.set(canvas, { chart, again: () => draw(box, kind, { labels, series }, { stacked, log }) });
}
document.addEventListener('wce:theme', () => { for (const [canvas, c] of [...charts]) canvas.isConnected ? c.again() : charts.delete(canvas); });
