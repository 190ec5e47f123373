/** What a list is asked for, read once: the request over its scenario, with conditions parsed. Requests that come again as the same object are not read again until something they go by has changed. */
import type { Assignment } from '../model/assignment.ts';
import { hashText } from '../model/hash.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { Catalogue } from './catalogue.ts';
import type { Conditions, Prepared } from './conditions.ts';
import type { Scenarios } from './scenarios.ts';
import { type Steered, SteeringFault, type SteeringRequest } from './steering.ts';
import type { Trials } from './trials.ts';

/** What every kind of list can be asked. */
export interface ListRequest {
  readonly steering: SteeringRequest;
  readonly scenario?: string | undefined;
  readonly cursor?: string | undefined;
  /** It is shown to nobody: not counted, and of no use to an event. */
  readonly preview?: boolean | undefined;
}

export interface Asked {
  readonly steered: Prepared;
  /** Of everything but the cursor: what a cursor is bound to. */
  readonly fingerprint: number;
  /** The best by score that a condition leaves, and nothing else: no order of its own, no places given, no words. */
  readonly isPlain: boolean;
  /** Shown to nobody. */
  readonly isPreview: boolean;
  /** Of the experiment's variant that this is; 0: of none. */
  readonly variantNo: number;
  /** The model version that answers; null: the live one. */
  readonly version: number | null;
  /** What is trending in place of recommendations. */
  readonly isOff: boolean;
  /** Experiments that a shopper's list may be of, each with what its variants make of the request. */
  readonly trials: readonly { readonly assignment: Assignment; readonly variants: readonly Asked[] }[];
}

export interface Requests {
  /** @throws SteeringFault */
  read(request: ListRequest): Asked;
}

interface Known {
  readonly asked: Asked;
  readonly schemaNumber: number;
  readonly generation: number;
}

function isPlain({ cursor }: ListRequest, { fields, boosts, exclude, popularityDiscount, diversity, rotation, minScore, reasons, pins, neighbourWeight }: Prepared): boolean {
  return cursor === undefined && fields.length + boosts.length + exclude.length + pins.length === 0 && popularityDiscount === 0 && diversity === 0 && rotation === 0 && minScore === null && !reasons && neighbourWeight === 1;
}

export function createRequests(scenarios: Scenarios, trials: Pick<Trials, 'of' | 'generation'>, conditions: Conditions, catalogue: Pick<Catalogue, 'schema'>): Requests {
  function prepare(request: ListRequest, applied: Steered): Omit<Asked, 'variantNo' | 'version' | 'isOff' | 'trials'> {
    const steered = conditions.prepare(applied);
    return { steered, fingerprint: hashText(JSON.stringify(applied)), isPlain: isPlain(request, steered), isPreview: request.preview === true };
  }

  const known = new WeakMap<ListRequest, Known>();
  return {
    read(request) {
      const schemaNumber = catalogue.schema().number;
      // Both only grow, so their sum is another one whenever one of them is.
      const generation = scenarios.generation() + trials.generation();
      const before = known.get(request);
      if (before !== undefined && before.schemaNumber === schemaNumber && before.generation === generation) {
        return before.asked;
      }
      const applied = scenarios.apply(request.steering, request.scenario);
      if (applied === null) {
        const names = scenarios.names();
        const near = nearestName(request.scenario ?? '', names);
        throw new SteeringFault('scenario', 'scenario', `scenario is ${JSON.stringify(request.scenario)}; there is none of that name${near === null ? '.' : `; did you mean "${near}"?`} Known: ${names.join(', ') || 'none'}.`);
      }
      const asked: Asked = {
        ...prepare(request, applied), variantNo: 0, version: null, isOff: false,
        trials: trials.of(request.scenario).map(({ assignment, variants }) => ({
          assignment, variants: variants.map(({ variantNo, settings, version, isOff }): Asked => ({ ...prepare(request, scenarios.apply(request.steering, request.scenario, settings) ?? applied), variantNo, version, isOff, trials: [] })),
        })),
      };
      known.set(request, { asked, schemaNumber, generation });
      return asked;
    },
  };
}
