/**
 * How long the data-quality report and the pictures take: generated events of N million (default 1), users and items Zipf-like, in random order, a drift window of a tenth.
 *
 *   npm run bench:quality -- 10
 */
import { defaultMinimums } from '../dist/model/quality/findings.js';
import { countItemEvents, pictureData } from '../dist/model/quality/pictures.js';
import { profileEvents } from '../dist/model/quality/profile.js';
import { reportQuality } from '../dist/model/quality/report.js';
import { createRandom } from '../dist/model/random.js';

const length = Math.round(Number(process.argv[2] ?? 1) * 1e6);
const users = Math.ceil(length / 30);
const items = Math.ceil(length / 50);
const random = createRandom(1);
const skewed = (count) => 1 + Math.floor(count * random.uniform() ** 2.5);
const startMs = Date.UTC(2026, 0, 1);
const columns = {
  length,
  user: Int32Array.from({ length }, () => skewed(users)),
  item: Int32Array.from({ length }, () => skewed(items)),
  type: Int16Array.from({ length }, () => 1 + random.integer(4)),
  value: new Float32Array(length),
  quantity: new Float32Array(length).fill(Number.NaN),
  occurredAtMs: Float64Array.from({ length }, () => startMs + random.integer(180 * 86_400) * 1000),
  eventNo: Float64Array.from({ length }, (_, i) => i + 1),
};
for (let i = 0; i < length; i++) columns.value[i] = columns.type[i] === 4 ? 1 + random.integer(5) : Number.NaN;
const rule = { weight: 1, mode: 'sum', halfLifeDays: null, threshold: null, useValue: false, hidesDays: 0 };
const rules = ['view', 'cart', 'purchase', 'rating'].map((name, k) => ({ ...rule, typeNo: k + 1, name, ...(name === 'rating' ? { mode: 'latest', threshold: 3.5 } : {}) }));

for (let round = 1; round <= 3; round++) {
  const before = performance.now();
  const nowMs = startMs + 181 * 86_400_000;
  const profile = profileEvents(columns, rules, nowMs);
  const report = reportQuality({ columns, rules, nowMs, minimums: defaultMinimums, catalogueItems: null, lastEventNo: Math.floor(length * 0.9) }, profile);
  const seconds = (performance.now() - before) / 1000;
  const pictures = pictureData(columns, rules, profile, countItemEvents(columns, rules, profile), { checkedAtMs: nowMs, newestEventNo: 0 });
  const pictureSeconds = (performance.now() - before) / 1000 - seconds;
  console.log(`${length.toLocaleString('en-US')} events, ${report.figures.users.toLocaleString('en-US')} users, ${report.figures.items.toLocaleString('en-US')} items: report ${seconds.toFixed(2)} s, pictures ${pictureSeconds.toFixed(2)} s and ${(JSON.stringify(pictures).length / 1024).toFixed(0)} KiB (${report.findings.map((one) => one.code).join(', ')})`);
}
console.log(`peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB, of which columns ${Math.round((length * 38) / 2 ** 20)} MiB`);
