/** What has come about in a database since it was empty: each question is answered by a row or none, however large the shop is. */
import { type Queryable, run } from './database.ts';

export const FIRST_STEPS = ['event', 'catalogue', 'training', 'recommendation', 'shown'] as const;
export type FirstStep = (typeof FIRST_STEPS)[number];

/** A row of `settings` says that a list was asked for that is shown to nobody: such lists are counted nowhere. */
const PREVIEWED = 'previewed';

/** Items that are looked at from either end: of a shop whose items came by events alone none has a title. */
const MOST_ITEMS = 10_000;

const QUESTIONS: Readonly<Record<FirstStep, string>> = {
  event: 'EXISTS (SELECT FROM events)',
  catalogue: `EXISTS (SELECT FROM ((SELECT title FROM items ORDER BY item_no LIMIT ${MOST_ITEMS}) UNION ALL (SELECT title FROM items ORDER BY item_no DESC LIMIT ${MOST_ITEMS})) either WHERE title IS NOT NULL)`,
  training: 'EXISTS (SELECT FROM models WHERE activated_at IS NOT NULL)',
  recommendation: `EXISTS (SELECT FROM impressions) OR EXISTS (SELECT FROM settings WHERE name = '${PREVIEWED}')`,
  // A page said that it was seen, or what a shopper did names it.
  shown: 'EXISTS (SELECT FROM impressions WHERE seen_lists > 0) OR EXISTS (SELECT FROM events WHERE rec_at IS NOT NULL)',
};

/** @param asked which are wanted. @returns those of them that have been done */
export async function readFirstSteps(database: Queryable, asked: readonly FirstStep[]): Promise<ReadonlySet<FirstStep>> {
  if (asked.length === 0) {
    return new Set();
  }
  const [row] = await run<Record<FirstStep, boolean>>(database, `SELECT ${asked.map((step) => `${QUESTIONS[step]} AS ${step}`).join(', ')}`);
  return new Set(asked.filter((step) => row[step]));
}

/** A list was asked for that is shown to nobody: of a new installation it may be the first. */
export async function notePreviewed(database: Queryable): Promise<void> {
  await run(database, 'INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING', [PREVIEWED, 'true']);
}
