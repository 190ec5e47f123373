import { describe, expect, it } from 'vitest';
import { parseEventTypeChange } from '../src/event-type-commands.ts';

describe('a change of an event type on the command line', () => {
  it('is read field by field', () => {
    expect(parseEventTypeChange('wish', ['weight=-2', 'mode=latest', 'halfLifeDays=none', 'threshold=0.5', 'useValue=true', 'hidesDays=ever'])).toEqual({ name: 'wish', weight: -2, mode: 'latest', halfLifeDays: null, threshold: 0.5, useValue: true, hidesDays: null });
  });

  it.each([
    ['two words', [], /is no name of an event type/],
    ['x', ['weigth=2'], /did you mean weight=/],
    ['x', ['weight'], /did you mean weight=/],
    ['x', ['weight='], /weight is ""; it must be a number from -1000 to 1000/],
    ['x', ['weight=heavy'], /it must be a number/],
    ['x', ['mode=max'], /sum or latest/],
    ['x', ['useValue=1'], /true or false/],
    ['x', ['constructor=1'], /is no setting/],
  ])('%s %j is refused in words', (name, settings, words) => {
    expect(() => parseEventTypeChange(name, settings)).toThrow(words);
  });
});
