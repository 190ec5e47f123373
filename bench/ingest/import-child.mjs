/** OPTIONS: an import in a process of its own, whose peak of memory is its own too. Prints a JSON line. */
import { importFile } from '../../dist/ingest/importer.js';

const steps = [];
const startedMs = performance.now();
const summary = await importFile({ columns: {}, type: null, nowMs: Date.now(), ...JSON.parse(process.argv[2]), onProgress: ({ rowsRead }) => steps.push([rowsRead, performance.now() - startedMs]) });
const ms = performance.now() - startedMs;
// Of the whole life of the process; KiB on Linux and macOS alike, as libuv gives it.
console.log(JSON.stringify({ summary, ms, peakBytes: process.resourceUsage().maxRSS * 1024, steps }));
