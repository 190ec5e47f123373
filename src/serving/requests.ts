/** What a list is asked for, read once: the request over its scenario, with conditions parsed. Requests that come again as the same object are not read again until something they go by has changed. */
import { hashText } from '../model/hash.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { Catalogue } from './catalogue.ts';
import type { Conditions, Prepared } from './conditions.ts';
import type { Scenarios } from './scenarios.ts';
import { SteeringFault, type SteeringRequest } from './steering.ts';

/** What every kind of list can be asked. */
export interface ListRequest {
  readonly steering: SteeringRequest;
  readonly scenario?: string | undefined;
  readonly cursor?: string | undefined;
}

export interface Asked {
  readonly steered: Prepared;
  /** Of everything but the cursor: what a cursor is bound to. */
  readonly fingerprint: number;
  /** The best by score that a condition leaves, and nothing else: no order of its own, no places given, no words. */
  readonly isPlain: boolean;
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

function isPlain({ cursor }: ListRequest, { fields, boosts, exclude, diversity, rotation, minScore, reasons, pins }: Prepared): boolean {
  return cursor === undefined && fields.length + boosts.length + exclude.length + pins.length === 0 && diversity === 0 && rotation === 0 && minScore === null && !reasons;
}

export function createRequests(scenarios: Scenarios, conditions: Conditions, catalogue: Pick<Catalogue, 'schema'>): Requests {
  const known = new WeakMap<ListRequest, Known>();
  return {
    read(request) {
      const schemaNumber = catalogue.schema().number;
      const generation = scenarios.generation();
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
      const steered = conditions.prepare(applied);
      const asked = { steered, fingerprint: hashText(JSON.stringify(applied)), isPlain: isPlain(request, steered) };
      known.set(request, { asked, schemaNumber, generation });
      return asked;
    },
  };
}
