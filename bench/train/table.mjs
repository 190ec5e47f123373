/** The bench's result: a row a measure, with floor, goal, figure, both raw numbers, and whether the floor and the goal are reached. */
const rows = [];

/** `best`: 'low' where less is better. Without floor and goal the figure is only shown. A floor or goal of two numbers is a range. */
export function addRow({ measure, floor = null, goal = null, figure, best = 'low', raw, unit = '', digits = unit === 'MB' ? 0 : 2 }) {
  const reaches = (bound) => (Array.isArray(bound) ? bound[0] <= figure && figure <= bound[1] : best === 'low' ? figure <= bound : figure >= bound);
  const verdict = floor === null ? '' : !reaches(floor) ? 'floor NOT reached' : reaches(goal) ? 'goal reached' : 'floor reached';
  rows.push({ measure, floor: say(floor, unit, digits), goal: say(goal, unit, digits), figure: say(figure, unit, digits), verdict, raw });
  if (verdict === 'floor NOT reached') {
    process.exitCode = 1;
  }
}

/** Floor and goal hold for the generated shops; on invoices that fit in a second, starting threads is most of it, and the figure is only shown. */
export const boundsAt = (size, floor, goal) => (size === 'retail' ? {} : { floor, goal });

/** What could not be measured counts as not reached. */
export function addFailure(measure, error) {
  rows.push({ measure, floor: '', goal: '', figure: '', verdict: 'FAILED', raw: String(error.message ?? error).split('\n')[0] });
  process.exitCode = 1;
}

function say(value, unit, digits) {
  if (Array.isArray(value)) {
    return `${value.join('–')} ${unit}`;
  }
  return value === null ? '' : `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;
}

export function printTable() {
  const columns = ['measure', 'floor', 'goal', 'figure', 'verdict', 'raw'];
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => row[column].length)));
  const line = (cells) => cells.map((cell, k) => (k >= 1 && k <= 3 ? cell.padStart(widths[k]) : cell.padEnd(widths[k]))).join('  ').trimEnd();
  console.log(`\n${line(columns)}`);
  for (const row of rows) {
    console.log(line(columns.map((column) => row[column])));
  }
}

export const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

export function check(holds, message) {
  if (!holds) {
    throw new Error(message);
  }
}

export function sameBytes(a, b) {
  const bytes = (data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return bytes(a).equals(bytes(b));
}
