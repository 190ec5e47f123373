/** What a filter can be written of: the catalogue's fields, and values that some of its items have. */
import { useMemo } from './lib/preact.js';
import { useAnswer } from './answers.js';
import { valuesOf } from './filter-completion.js';

/** Items whose values completion offers. */
const SAMPLE = 200;

/** @returns {{ schema: any, values: ReadonlyMap<string, ReadonlySet<string>> }} `schema`: of `GET /v1/items/schema`, null on its way */
export function useCatalogue() {
  const schema = useAnswer('v1/items/schema').answer;
  const sample = useAnswer(`v1/items?limit=${SAMPLE}`).answer;
  return useMemo(() => ({ schema, values: valuesOf(sample?.items ?? []) }), [schema, sample]);
}
