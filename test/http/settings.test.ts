import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultGateRules } from '../../src/model/gate.ts';
import { type Service, startService } from '../support/service.ts';
import { expectProblem } from './problem-answers.ts';

describe('settings', () => {
  let service: Service;
  const defaults = { gate: defaultGateRules, keepVersions: 5, search: 'light', split: 'time', explore: 0.1, attributionHours: 24, rampDays: 2, hourlyEvents: 300, leaveOutBursts: false, guard: 'on', guardShare: 0.2, guardHours: 24 };
  beforeAll(async () => {
    service = await startService({ corsOrigins: ['https://shop.example'], eventsRetentionDays: 730 });
    await service.call('PUT', '/v1/settings', { guard: null });
  });
  afterAll(async () => await service.stop());

  it('show their defaults where nobody changed them', async () => {
    expect(await service.call('GET', '/v1/settings')).toMatchObject({ status: 200, json: defaults });
  });

  it('change what is named, leave the rest, and take what they answered', async () => {
    expect((await service.call('PUT', '/v1/settings', { gate: { margin: 0.1 }, search: 'off' })).json).toEqual({ ...defaults, gate: { ...defaultGateRules, margin: 0.1 }, search: 'off' });
    const { json } = await service.call('PUT', '/v1/settings', { gate: { manual: true }, keepVersions: 3 });
    expect(json).toEqual({ ...defaults, gate: { ...defaultGateRules, margin: 0.1, manual: true }, search: 'off', keepVersions: 3 });
    expect((await service.call('PUT', '/v1/settings', json)).json).toEqual(json);
    expect((await service.call('PUT', '/v1/settings', {})).json).toEqual(json);
    expect((await service.call('PUT', '/v1/settings', { gate: { margin: null, manual: null }, search: null, keepVersions: null })).json).toEqual(defaults);
  });

  it('are told with what each may be, as they are now', async () => {
    await service.call('PUT', '/v1/settings', { gate: { margin: 0.1 } });
    const { items } = (await service.call('GET', '/v1/settings/rules')).json as { items: { name: string; value: unknown; default: unknown }[] };
    expect(items.map(({ name }) => name)).toEqual([...Object.keys(defaultGateRules).map((name) => `gate.${name}`), ...Object.keys(defaults).slice(1)]);
    expect(items.filter(({ value, default: usual }) => value !== usual)).toEqual([{ name: 'gate.margin', says: expect.any(String) as string, value: 0.1, default: 0.05, kind: 'number', least: 0, most: 1, among: null }]);
    expect(items.find(({ name }) => name === 'search')).toMatchObject({ kind: 'choice', among: ['off', 'light', 'full'], least: null });
    await service.call('PUT', '/v1/settings', { gate: { margin: null } });
  });

  it('have beside them what was set at the start, and what steers lists', async () => {
    expect((await service.call('GET', '/v1/installation')).json).toEqual({ publicUrl: null, corsOrigins: ['https://shop.example'], eventsRetentionDays: 730, version: expect.any(String) as string });
    const { items } = (await service.call('GET', '/v1/parameters', undefined, 'secret')).json as { items: { name: string }[] };
    expect(items.find(({ name }) => name === 'diversity')).toMatchObject({ kind: 'number', least: 0, most: 1, default: 0 });
    expect(items.find(({ name }) => name === 'fill')).toMatchObject({ kind: 'switch', least: null, default: true });
  });

  it.each([
    [{ gate: { margin: 1.5 } }, 'gate.margin', /gate\.margin is 1\.5; it must be from 0 to 1/],
    [{ gate: { margin: '0.1' } }, 'gate.margin', /gate\.margin is "0\.1"; it must be a number or null/],
    [{ gate: { minUsers: 0 } }, 'gate.minUsers', /must be from 1 to 1000000/],
    [{ gate: { normRatio: 1 } }, 'gate.normRatio', /must be from 1\.1 to 1000/],
    [{ gate: { manual: 'yes' } }, 'gate.manual', /must be true or false or null/],
    [{ gate: { margn: 0.1 } }, 'gate.margn', /did you mean "margin"/],
    [{ gate: null }, 'gate', /must be an object/],
    [{ keepVersions: 2.5 }, 'keepVersions', /must be a whole number or null/],
    [{ keepVersion: 2 }, 'keepVersion', /did you mean "keepVersions"/],
    [{ search: 'fast' }, 'search', /must be one of off, light, full, null/],
    [{ split: 'random' }, 'split', /must be one of time, leave-last-out, null/],
    [[], 'body', /must be an object/],
  ])('refuse %j, naming the field', async (body, field, message) => {
    const answer = await service.call('PUT', '/v1/settings', body);
    expectProblem(answer, 400, 'invalid-request');
    expect(answer.json).toMatchObject({ field, detail: expect.stringMatching(message) as string });
    expect((await service.call('GET', '/v1/settings')).json).toEqual(defaults);
  });
});
