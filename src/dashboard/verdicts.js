/** What a training found of its model, for somebody who runs a shop. */

const VERDICTS = {
  'well-fitted': ['well fitted', 'it makes of its data what can be made of them', 'good'],
  'data-limited': ['wants more data', 'more events would help it more than any setting', ''],
  'noise-limited': ['hard to tell tastes', 'what shoppers do follows little but popularity so far', ''],
  underfitted: ['could learn more', 'a longer search or more factors would help: see its report', 'warn'],
  overfitted: ['learns by heart', 'it knows the past better than what comes next: see its report', 'warn'],
};

/** @param {string | null} code @returns {[word: string, says: string, tone: string]} */
export function describeVerdict(code) {
  return VERDICTS[code] ?? ['–', 'no model was judged yet', ''];
}
