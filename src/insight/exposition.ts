/**
 * Metrics in the text format that Prometheus reads (version 0.0.4, https://prometheus.io/docs/instrumenting/exposition_formats/). Everything is counted where it happens, in numbers and typed arrays, and
 * becomes text when somebody asks, so that counting costs a request nothing that can be measured.
 */
import type { Histogram } from './histogram.ts';

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  /** null: not known, and left out. */
  readonly value: number | null;
}

interface Named {
  readonly name: string;
  readonly help: string;
}

export type Family =
  | (Named & { readonly type: 'counter' | 'gauge'; readonly samples: readonly Sample[] })
  | (Named & { readonly type: 'histogram'; readonly series: readonly { readonly labels?: Labels; readonly histogram: Histogram }[] });

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const escapeHelp = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string) => escapeHelp(text).replaceAll('"', '\\"');

function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

function line(name: string, labels: Labels | undefined, value: number): string {
  const pairs = Object.entries(labels ?? {}).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join()}}`} ${numberText(value)}\n`;
}

function histogramLines(name: string, labels: Labels | undefined, { bounds, counts, sum }: Histogram): string {
  let text = '';
  let upTo = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    upTo += counts[bucket];
    text += line(`${name}_bucket`, { ...labels, le: numberText(bounds[bucket] ?? Infinity) }, upTo);
  }
  return text + line(`${name}_sum`, labels, sum()) + line(`${name}_count`, labels, upTo);
}

/** A family of which nothing is known has its words all the same, so that whoever looks finds it. */
export function expose(families: readonly Family[]): string {
  let text = '';
  for (const family of families) {
    text += `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.type}\n`;
    if (family.type === 'histogram') {
      for (const { labels, histogram } of family.series) {
        text += histogramLines(family.name, labels, histogram);
      }
    } else {
      for (const { labels, value } of family.samples) {
        text += value === null ? '' : line(family.name, labels, value);
      }
    }
  }
  return text;
}
