/** What every refusal of the service must look like, whatever it refuses. */
import { expect } from 'vitest';
import { PROBLEMS, type ProblemCode } from '../../src/http/problems.ts';
import type { Service } from '../support/service.ts';

export type CallAnswer = Awaited<ReturnType<Service['call']>>;

/** Stack frames, our own files, SQL and the words of Postgres: none of them is a caller's business. */
const INTERNAL = /\n\s+at |node_modules|\.(ts|js):\d+|\bSELECT\b|\bINSERT\b|\bUPDATE\b|relation "|column "|syntax error|Maximum call stack|ECONN/;

/** Below 500 and, where refused, a complete problem. */
export function expectNoFault(answer: CallAnswer, what: string): void {
  expect(answer.status >= 500 ? `${what} was answered ${answer.text.slice(0, 300)}` : '').toBe('');
  expect(answer.text).not.toMatch(INTERNAL);
  if (answer.status >= 400) {
    expectProblem(answer, answer.status, answer.json?.code as ProblemCode);
  }
}

export function expectProblem(answer: CallAnswer, status: number, code: ProblemCode): void {
  expect([answer.status, answer.json?.code, answer.text]).toEqual([status, code, answer.text]);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(answer.json).toMatchObject({ type: `/docs/errors#${code}`, status, title: PROBLEMS[code].title, remedy: PROBLEMS[code].remedy });
  expect(PROBLEMS[code].status).toBe(status);
  expect(answer.json.detail.length).toBeGreaterThan(10);
  expect(answer.headers['x-request-id']).toBe(answer.json.requestId);
  expect(answer.text).not.toMatch(INTERNAL);
}
