/** A filter as a tree. `!=`, `NOT IN`, `NOT EXISTS` and `IS NULL` are a `not` around the comparison they deny, so that they mean exactly that. */
import type { FilterField } from './schema.ts';

/** `ms` since 1970, or from the moment of the evaluation on. */
export interface FilterTime {
  readonly fromNow: boolean;
  readonly ms: number;
}

export type FilterValue = string | number | boolean | FilterTime;

export type FilterNode =
  | { readonly kind: 'and' | 'or'; readonly nodes: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly node: FilterNode }
  | { readonly kind: 'compare'; readonly field: FilterField; readonly operator: '=' | '<' | '<=' | '>' | '>='; readonly value: FilterValue }
  /** Both ends belong to it. */
  | { readonly kind: 'range'; readonly field: FilterField; readonly from: FilterValue; readonly to: FilterValue }
  | { readonly kind: 'in'; readonly field: FilterField; readonly values: readonly FilterValue[] }
  | { readonly kind: 'contains'; readonly field: FilterField; readonly text: string }
  | { readonly kind: 'exists'; readonly field: FilterField };

export interface Filter {
  /** What it is known by in caches, and what it is parsed from anew where the schema has changed. */
  readonly text: string;
  readonly node: FilterNode;
  readonly schemaNumber: number;
}
