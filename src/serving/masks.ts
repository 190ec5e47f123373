/**
 * Filters as marks, kept between requests: by row of the catalogue for whoever answers items that no model knows, and by item index in the slots of a model's scan. Slot 0 is plain availability;
 * the others go to what was asked for last. A slot is filled anew when it is asked for and the catalogue has changed since, or a time has come that its filter names.
 */
import type { Catalogue, CatalogueModel } from './catalogue.ts';
import { evaluateFilter } from './filter/evaluate.ts';
import type { Filter, FilterNode } from './filter/nodes.ts';
import { parseFilter } from './filter/parse.ts';

/** What the cache needs of a scan: how many slots there are, and how one is filled (by item index; the array may be another's afterwards). */
export interface MaskedModel extends CatalogueModel {
  readonly scan: { readonly masks: number; setMask(slot: number, marks: Uint8Array): void };
}

export interface Masks {
  /**
   * The slot that leaves out what does not match and what may not be answered now; without a filter, what may not be answered. It is good until the process next waits for something: use it at once.
   *
   * @throws FilterFault where the filter was parsed under another schema and is wrong under this one
   */
  slotFor(model: MaskedModel, filter: Filter | null): number;
  /** The slot that marks what matches, for a boost. One request can have as many slots as there are but for slot 0. Throws as `slotFor` does. */
  boostSlotFor(model: MaskedModel, filter: Filter): number;
  /** By row of the catalogue: 1 = matching, blocked or not. May be longer than there are rows. Throws as `slotFor` does. */
  matches(filter: Filter): Uint8Array;
}

interface Evaluated {
  readonly schemaNumber: number;
  readonly node: FilterNode;
  readonly marks: Uint8Array;
  readonly validUntilMs: number;
  readonly revision: number;
  /** Differs from every other evaluation's. */
  readonly stamp: number;
}

interface Slot {
  readonly slot: number;
  stamp: number;
  generation: number;
}

/** Filters whose marks by row are kept; as many as there are slots of a scan. */
const MAX_EVALUATED = 32;

export function createMasks(catalogue: Catalogue, now: () => number): Masks {
  /** By text; what was asked for last is last. */
  const evaluated = new Map<string, Evaluated>();
  const byModel = new WeakMap<MaskedModel, { slots: Map<string, Slot>; availability: Slot; scratch: Uint8Array }>();
  let stamps = 0;
  /** What was asked for last, most often asked for again. */
  let last: { readonly filter: Filter; readonly model: MaskedModel; readonly slot: number; readonly revision: number; readonly generation: number; readonly validUntilMs: number } | null = null;

  function evaluate(filter: Filter): Evaluated {
    const kept = evaluated.get(filter.text);
    const revision = catalogue.revision();
    const nowMs = now();
    if (kept !== undefined && kept.revision === revision && nowMs < kept.validUntilMs && kept.schemaNumber === catalogue.schema().number) {
      return moveToEnd(evaluated, filter.text, kept);
    }
    const schema = catalogue.schema();
    const { node } = filter.schemaNumber === schema.number ? filter : kept?.schemaNumber === schema.number ? kept : parseFilter(filter.text, schema);
    const { marks, validUntilMs } = evaluateFilter(node, catalogue.columns, nowMs);
    const fresh = { schemaNumber: schema.number, node, marks, validUntilMs, revision, stamp: ++stamps };
    if (evaluated.size >= MAX_EVALUATED && kept === undefined) {
      evaluated.delete(oldest(evaluated));
    }
    return moveToEnd(evaluated, filter.text, fresh);
  }

  function slotsOf(model: MaskedModel) {
    let kept = byModel.get(model);
    if (kept === undefined) {
      kept = { slots: new Map(), availability: { slot: 0, stamp: 0, generation: -1 }, scratch: new Uint8Array(model.itemNos.length) };
      byModel.set(model, kept);
    }
    return kept;
  }

  function takeSlot(slots: Map<string, Slot>, key: string, count: number): Slot {
    // The slot of what was asked for last may go to another.
    last = null;
    const kept = slots.get(key);
    if (kept !== undefined) {
      return moveToEnd(slots, key, kept);
    }
    if (slots.size < count - 1) {
      return moveToEnd(slots, key, { slot: slots.size + 1, stamp: 0, generation: -1 });
    }
    const leaving = oldest(slots);
    const { slot } = slots.get(leaving)!;
    slots.delete(leaving);
    return moveToEnd(slots, key, { slot, stamp: 0, generation: -1 });
  }

  return {
    slotFor(model, filter) {
      const { slots, availability, scratch } = slotsOf(model);
      const generation = catalogue.generation(model);
      if (filter === null) {
        if (availability.generation !== generation) {
          model.scan.setMask(0, catalogue.marksFor(model));
          availability.generation = generation;
        }
        return 0;
      }
      if (last !== null && last.filter === filter && last.model === model && last.revision === catalogue.revision() && last.generation === generation && now() < last.validUntilMs) {
        return last.slot;
      }
      const { marks, stamp, validUntilMs, schemaNumber } = evaluate(filter);
      const taken = takeSlot(slots, `-${filter.text}`, model.scan.masks);
      if (taken.stamp !== stamp || taken.generation !== generation) {
        const rows = catalogue.rowsOf(model);
        const blocked = catalogue.marksFor(model);
        for (let index = 0; index < rows.length; index++) {
          const row = rows[index];
          scratch[index] = row < 0 ? 1 : blocked[index] | (marks[row] ^ 1);
        }
        model.scan.setMask(taken.slot, scratch);
        [taken.stamp, taken.generation] = [stamp, generation];
      }
      last = schemaNumber === filter.schemaNumber ? { filter, model, slot: taken.slot, revision: catalogue.revision(), generation, validUntilMs } : null;
      return taken.slot;
    },
    boostSlotFor(model, filter) {
      const { slots, scratch } = slotsOf(model);
      const { marks, stamp } = evaluate(filter);
      const taken = takeSlot(slots, `+${filter.text}`, model.scan.masks);
      if (taken.stamp !== stamp) {
        const rows = catalogue.rowsOf(model);
        for (let index = 0; index < rows.length; index++) {
          scratch[index] = rows[index] < 0 ? 0 : marks[rows[index]];
        }
        model.scan.setMask(taken.slot, scratch);
        taken.stamp = stamp;
      }
      return taken.slot;
    },
    matches: (filter) => evaluate(filter).marks,
  };
}

function moveToEnd<T>(map: Map<string, T>, key: string, value: T): T {
  map.delete(key);
  map.set(key, value);
  return value;
}

function oldest(map: Map<string, unknown>): string {
  return map.keys().next().value!;
}
