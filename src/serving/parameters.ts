/** Parameters of a list that have one value: their defaults, the API's schema and the terminal's options are made from this table. */
import { SETTINGS } from '../storage/settings.ts';
import { MOST_EXPLORATION_SHARE } from './exploration.ts';

interface Switch {
  readonly kind: 'switch';
  readonly default: boolean;
  /** What it says where it is off, for one that is on by default. */
  readonly off?: string;
}

interface Amount {
  readonly kind: 'number' | 'integer';
  readonly least: number;
  readonly most: number;
  /** null: none. */
  readonly default: number | null;
  readonly example: number;
}

export type Parameter = (Switch | Amount) & { readonly says: string };

/** Longest list, and deepest end of a page. */
export const MAX_DEPTH = 200;

export const PARAMETERS = {
  limit: { kind: 'integer', least: 1, most: MAX_DEPTH, default: 10, example: 10, says: `How many items, 1 to ${MAX_DEPTH}` },
  includeSeen: { kind: 'switch', default: false, says: 'Items that the shopper has bought lately or rated are answered as well' },
  popularityDiscount: { kind: 'number', least: 0, most: 1, default: 0, example: 0.3, says: 'How much less what is popular counts among the best than its score says: a score is divided by the popularity to the power of this. 0: not at all; 0.3 is what the front page has' },
  diversity: { kind: 'number', least: 0, most: 1, default: 0, example: 0.3, says: '0: by score alone; 1: as unlike one another as can be (maximal marginal relevance)' },
  rotation: { kind: 'number', least: 0, most: 1, default: 0, example: 0.3, says: 'How far chance may take an item down, 1 being as far as from the first place to the fiftieth. The same list for `rotationHours`, then another one' },
  rotationHours: { kind: 'integer', least: 1, most: 8760, default: 24, example: 24, says: 'How long a rotated list, and places of new items, stay as they are' },
  minScore: { kind: 'number', least: -1e9, most: 1e9, default: null, example: 0.05, says: 'Items of the list’s own source, and new ones, that score less are left out, and nothing fills their places' },
  explore: { kind: 'number', least: 0, most: MOST_EXPLORATION_SHARE, default: SETTINGS.explore.default as number, example: 0.1, says: 'Share of the places that new items may take' },
  neighbourWeight: { kind: 'number', least: 0, most: 10, default: 1, example: 1, says: 'How much items count that are often found with the shopper’s own, as a multiple of what the model was fitted with; 0: not at all' },
  fill: { kind: 'switch', default: true, says: 'Whether a list that is short, or empty, is filled up by what is trending, then by what is newest', off: 'a list that is short, or empty, stays so' },
  reasons: { kind: 'switch', default: false, says: 'Whether each item says why it is there' },
} as const satisfies Readonly<Record<string, Parameter>>;

export type ParameterName = keyof typeof PARAMETERS;
export const PARAMETER_NAMES = Object.keys(PARAMETERS) as ParameterName[];
export type ParameterValue<K extends ParameterName> = (typeof PARAMETERS)[K]['kind'] extends 'switch' ? boolean : number;
