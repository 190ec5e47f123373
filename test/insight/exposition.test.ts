import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expose } from '../../src/insight/exposition.ts';
import { createHistogram } from '../../src/insight/histogram.ts';
import { createTraffic, noteAnswer } from '../../src/insight/traffic.ts';
import { readExposition } from '../support/exposition.ts';

describe('a histogram', () => {
  it('puts every value into the first bucket that reaches to it', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 10, noNaN: true })), (values) => {
        const bounds = [0.1, 1, 5];
        const histogram = createHistogram(bounds);
        values.forEach((value) => histogram.note(value));
        const upTo = [...bounds, Infinity].map((bound) => values.filter((value) => value <= bound).length);
        expect([...histogram.counts]).toEqual(upTo.map((count, n) => count - (upTo[n - 1] ?? 0)));
        expect(histogram.sum()).toBeCloseTo(values.reduce((sum, value) => sum + value, 0), 6);
      }),
    );
  });
});

describe('the text for Prometheus', () => {
  it('can be read back, whatever stands in a label', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '{', '}', ',', ' ', 'ü', 'n') }), fc.double({ noDefaultInfinity: true, noNaN: true }), (text, number) => {
        // −0 is 0.
        const value = number + 0;
        const read = readExposition(expose([{ name: 'a_total', type: 'counter', help: text, samples: [{ labels: { x: text }, value }, { value: null }] }]));
        expect(read.samples).toEqual([{ name: 'a_total', labels: { x: text }, value }]);
      }),
    );
  });

  it('has a histogram’s buckets one upon the other, its sum and its count', () => {
    const histogram = createHistogram([0.5, 1]);
    [0.1, 0.5, 0.7, 3].forEach((value) => histogram.note(value));
    histogram.note(0.2, 2);
    expect(expose([{ name: 'x_seconds', type: 'histogram', help: 'h', series: [{ labels: { r: '/' }, histogram }] }])).toBe(
      '# HELP x_seconds h\n# TYPE x_seconds histogram\nx_seconds_bucket{r="/",le="0.5"} 4\nx_seconds_bucket{r="/",le="1"} 5\nx_seconds_bucket{r="/",le="+Inf"} 6\nx_seconds_sum{r="/"} 4.7\nx_seconds_count{r="/"} 6\n',
    );
  });
});

describe('traffic', () => {
  it('is counted by the template of a route, however it is written, and by status', () => {
    const traffic = createTraffic();
    const tally = traffic.tallyOf('GET', '/v1/users/:userId');
    expect(traffic.tallyOf('GET', '/v1/users/{userId}')).toBe(tally);
    noteAnswer(tally, 200, 0.002);
    noteAnswer(tally, 200, 0.002);
    noteAnswer(tally, 503, 0.2);
    noteAnswer(traffic.elsewhere, 500, 0);
    traffic.tallyOf('GET', '/never');
    expect(traffic.totals()).toEqual({ answers: 4, faults: 1, refused: 1 });
    const { samples } = readExposition(expose(traffic.families()));
    expect(samples.filter(({ name }) => name === 'jongleur_http_requests_total').map(({ labels, value }) => [labels.method, labels.route, labels.status, value])).toEqual([
      ['(any)', '(none)', '500', 1], ['GET', '/v1/users/{userId}', '200', 2], ['GET', '/v1/users/{userId}', '503', 1],
    ]);
    expect(samples.find(({ name, labels }) => name === 'jongleur_http_request_duration_seconds_bucket' && labels.route === '/v1/users/{userId}' && labels.le === '0.0025')?.value).toBe(2);
  });
});
