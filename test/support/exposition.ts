/** Reads Prometheus' text format strictly: a line that is not of it, a sample without its family, or a series that is there twice is an error. */
export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const UNESCAPED: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

export function readExposition(text: string): { readonly families: ReadonlyMap<string, string>; readonly samples: readonly ReadSample[] } {
  const families = new Map<string, string>();
  const samples: ReadSample[] = [];
  const seen = new Set<string>();
  if (!text.endsWith('\n')) {
    throw new Error('the last line has no end');
  }
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.*)$/.exec(line);
    if (comment !== null) {
      if (comment[1] === 'TYPE') {
        if (families.has(comment[2]) || !/^(counter|gauge|histogram)$/.test(comment[3])) {
          throw new Error(`a type that cannot be: ${line}`);
        }
        families.set(comment[2], comment[3]);
      }
      continue;
    }
    const sample = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\["\\n])*",?)*)\})? (-?[\d.]+(?:e[+-]?\d+)?|NaN|[+-]Inf)$/.exec(line);
    const family = sample === null ? undefined : families.has(sample[1]) ? sample[1] : sample[1].replace(/_(bucket|sum|count)$/, '');
    if (sample === null || family === undefined || !families.has(family) || seen.has(line.slice(0, line.lastIndexOf(' ')))) {
      throw new Error(`not a sample of a family, or one that was there before: ${line}`);
    }
    seen.add(line.slice(0, line.lastIndexOf(' ')));
    const labels = Object.fromEntries([...(sample[2] ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, escaped]) => [label, escaped.replaceAll(/\\["\\n]/g, (two) => UNESCAPED[two])]));
    samples.push({ name: sample[1], labels, value: sample[3] === '+Inf' ? Infinity : sample[3] === '-Inf' ? -Infinity : Number(sample[3]) });
  }
  return { families, samples };
}
