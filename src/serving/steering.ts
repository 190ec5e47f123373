/**
 * How a caller steers a list: what every kind of answer understands, each with a default. A scenario is a part of it under a name, with the shop's rules besides.
 */
import type { Item } from '../storage/items.ts';
import type { FilterFault, FilterFaultCode } from './filter/fault.ts';
import { PARAMETERS } from './parameters.ts';

export type Field = keyof Pick<Item, 'title' | 'url' | 'imageUrl' | 'price' | 'categories' | 'attributes'>;

/** Adds to the score of every item that the filter matches, or takes away below 0; an amount of 5 is what lies between the first item of a list and the fiftieth. */
export interface Boost {
  readonly filter: string;
  readonly amount: number;
}

export interface Steering {
  /** Length of the list, 1 to 200. */
  readonly limit: number;
  /** Catalogue fields to bring along. */
  readonly fields: readonly Field[];
  /** Conditions that every item must meet, all of them: those of the request and of the scenario. */
  readonly filters: readonly string[];
  readonly boosts: readonly Boost[];
  /** Item ids that are not to be in the list. */
  readonly exclude: readonly string[];
  /** Items that the shopper's own events hide are answered as well. */
  readonly includeSeen: boolean;
  /** 0 … 1: how much less what is popular counts than in the scores (model/rerank.ts). */
  readonly popularityDiscount: number;
  /** 0 … 1: how much unlikeness counts against the score (maximal marginal relevance). */
  readonly diversity: number;
  /** 0 … 1: how much of what lies between the first item and the fiftieth chance may take from a score, the same for a shopper until `rotationHours` are over. */
  readonly rotation: number;
  readonly rotationHours: number;
  /** Items of the list's own source, and new ones, that score less are left out, and nothing fills their places; null: no bound. */
  readonly minScore: number | null;
  /** Share of the places that new items may take, 0 … 0.5. */
  readonly explore: number;
  /** What the neighbourhood term of the score is multiplied by: 1 as the model was fitted, 0 without. */
  readonly neighbourWeight: number;
  /** Whether a list that is short, or empty, is filled up by other kinds. */
  readonly fill: boolean;
  /** Whether each item says why it is there. */
  readonly reasons: boolean;
}

/** Puts an item at a place of the list, counted from 1. */
export interface Pin {
  readonly itemId: string;
  readonly position: number;
}

/** What a shop decides whatever the model says. */
export interface Rules {
  readonly pins: readonly Pin[];
  /** Items that match are behind all others: they only fill places that would stay empty. */
  readonly bury: readonly string[];
  /** Items that match are in no list. */
  readonly never: readonly string[];
}

export interface Scenario extends Partial<Omit<Steering, 'filters'>>, Partial<Rules> {
  readonly filter?: string;
  /** For people. */
  readonly description?: string;
}

/** A list's steering with all that a scenario brings. */
export interface Steered extends Steering, Rules {
  /** 0: none. */
  readonly scenarioNo: number;
}

/** What a request names; the rest is the scenario's, or the default. */
export type SteeringRequest = { readonly [K in keyof Omit<Steering, 'filters'>]?: Steering[K] | undefined } & { readonly filter?: string | undefined };

/** A request that cannot be answered as it is. */
export class SteeringFault extends Error {
  readonly code: 'filter' | 'scenario' | 'cursor' | 'stale-cursor';
  readonly field: string;
  /** Of the character in the field's text where it goes wrong, from 0. */
  readonly position: number | null;
  /** What kind of fault it is there. */
  readonly reason: FilterFaultCode | null;
  constructor(code: SteeringFault['code'], field: string, message: string, fault: FilterFault | null = null) {
    super(message);
    this.name = 'SteeringFault';
    this.code = code;
    this.field = field;
    this.position = fault?.position ?? null;
    this.reason = fault?.code ?? null;
  }
}

const { limit, includeSeen, popularityDiscount, diversity, rotation, rotationHours, minScore, explore, neighbourWeight, fill, reasons } = PARAMETERS;

/** Of these a setting changes `explore`. */
export const DEFAULTS: Steered = {
  limit: limit.default, includeSeen: includeSeen.default, popularityDiscount: popularityDiscount.default, diversity: diversity.default, rotation: rotation.default, rotationHours: rotationHours.default, minScore: minScore.default, explore: explore.default, neighbourWeight: neighbourWeight.default,
  fill: fill.default, reasons: reasons.default, fields: [], filters: [], boosts: [], exclude: [], pins: [], bury: [], never: [], scenarioNo: 0,
};

/** The request over the scenario over the defaults. Conditions, boosts and excluded items of both apply; of everything else the request's own word counts. */
export function steer(request: SteeringRequest, defaults: Steered, scenario: Scenario = {}, scenarioNo = 0): Steered {
  const { description: _, filter: scenarioFilter, ...preset } = scenario;
  const { filter, ...asked } = request;
  const said = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
  return {
    ...defaults, ...preset, ...said,
    filters: [filter, scenarioFilter].filter((text) => text !== undefined),
    boosts: [...(request.boosts ?? []), ...(scenario.boosts ?? [])],
    exclude: [...(request.exclude ?? []), ...(scenario.exclude ?? [])],
    scenarioNo,
  };
}
