import { describe, expect, it } from 'vitest';
import { CommandFault } from '../src/command-fault.ts';
import { parseChange } from '../src/model-commands.ts';
import { parseNumber } from '../src/training-commands.ts';

describe('a change of a setting on the command line', () => {
  it.each([
    ['gate.margin=0.1', ['gate.margin', 0.1]], ['gate.margin= 1e-2 ', ['gate.margin', 0.01]], ['gate.manual=true', ['gate.manual', true]], ['gate.manual=false', ['gate.manual', false]],
    ['keepVersions=10', ['keepVersions', 10]], ['search=full', ['search', 'full']], ['split=leave-last-out', ['split', 'leave-last-out']], ['keepVersions=default', ['keepVersions', null]],
  ])('%s is understood', (text, change) => {
    expect(parseChange(text)).toEqual(change);
  });

  it.each([
    ['gate.margn=0.1', /no setting "gate\.margn"; did you mean gate\.margin\?/],
    ['toString=1', /no setting "toString"/],
    ['gate.margin=much', /gate\.margin is "much"; it must be a number from 0 to 1, or default/],
    ['gate.margin=', /gate\.margin is ""/],
    ['gate.margin=2', /a number from 0 to 1/],
    ['gate.manual=1', /gate\.manual is "1"; it must be true or false, or default/],
    ['gate.manual=constructor', /it must be true or false/],
    ['keepVersions=2.5', /a whole number from 1 to 1000/],
    ['search=fast', /one of off, light, full, or default/],
    ['search', /"search" is no change of a setting; write it as NAME=VALUE/],
    ['=1', /no change of a setting/],
  ])('%s is refused, naming setting, value and what would be right', (text, message) => {
    expect(() => parseChange(text)).toThrow(CommandFault);
    expect(() => parseChange(text)).toThrow(message);
  });
});

it('numbers of runs and versions are whole and from 1 on', () => {
  expect(parseNumber('7')).toBe(7);
  for (const text of ['0', '-1', '1.5', 'newest', '', '99999999999']) {
    expect(() => parseNumber(text), text).toThrow(/whole number from 1/);
  }
});
