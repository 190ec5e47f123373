import { describe, expect, it } from 'vitest';
import { SteeringBody, SteeringQuery } from '../../src/http/steering.ts';
import { PARAMETERS, PARAMETER_NAMES } from '../../src/serving/parameters.ts';
import { DEFAULTS } from '../../src/serving/steering.ts';
import { SETTINGS } from '../../src/storage/settings.ts';

describe('parameters of a list', () => {
  it('are what lists go by without a word, and what the API says', () => {
    for (const name of PARAMETER_NAMES) {
      expect([name, DEFAULTS[name]]).toEqual([name, PARAMETERS[name].default]);
      for (const schema of [SteeringQuery[name], SteeringBody[name]] as unknown as readonly { 'x-default'?: unknown; type: string }[]) {
        expect([name, schema['x-default'] ?? null, schema.type]).toEqual([name, PARAMETERS[name].default, PARAMETERS[name].kind === 'switch' ? 'boolean' : PARAMETERS[name].kind]);
      }
    }
  });

  it('have for explore the default and the bounds of the setting', () => {
    expect(SETTINGS.explore).toMatchObject({ default: PARAMETERS.explore.default, least: PARAMETERS.explore.least, most: PARAMETERS.explore.most });
  });
});
