/** The states of an import, in words. */

const STATES = {
  running: ['under way', 'accent'], done: ['done', 'good'], failed: ['failed', 'bad'], cancelled: ['cancelled', 'warn'], interrupted: ['interrupted: it goes on by itself', 'warn'], undone: ['undone', ''],
};

/** @returns {[words: string, tone: string]} */
export const describeState = (state) => STATES[state] ?? [state, ''];
