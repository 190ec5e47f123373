/**
 * One event as it was sent, checked field by field. Written by hand rather than as a schema, because each element of a batch is accepted or refused on its own,
 * with the field, the value and what would be right; and because this is the widest road into the service.
 */
import type { EventTypeRule } from '../model/interactions.ts';
import { nearestName } from '../model/nearest-name.ts';
import type { NewEvent } from '../storage/events.ts';
import { createUuidV7, dedupOfEventId, hashGroup } from './dedup.ts';
import { describeValue, faultOfId } from './ids.ts';
import { type RecommendationFault, type RecommendationReader, readRecommendation } from './recommendations.ts';

export type EventFaultCode = 'missing' | 'unknown-field' | 'invalid-id' | 'invalid-number' | 'invalid-date' | 'unknown-event-type' | 'not-an-object' | 'not-json' | 'not-utf8' | 'conflict' | 'erased';

export interface EventFault {
  readonly field: string;
  readonly code: EventFaultCode;
  readonly message: string;
}

export interface CheckedEvent {
  readonly event: NewEvent;
  /** What the sender may name this event by: theirs, or the one made here. */
  readonly eventId: string;
  /** Its recommendation id tells nothing, so it is stored without. */
  readonly recommendationFault: RecommendationFault | null;
}

export const EVENT_FIELDS = ['userId', 'itemId', 'type', 'value', 'quantity', 'price', 'groupId', 'occurredAt', 'eventId', 'recommendationId', 'position'] as const;

const MAX_NUMBER = 1e9;
const MIN_NUMBER = 1e-6;
const DAY_MS = 86_400_000;
/** The longest list there is. */
const MAX_POSITION = 200;
/** Longer than any that was made here. */
const MAX_RECOMMENDATION_ID = 200;
/** RFC 3339 with the zone required: a time without one means something else on every machine. */
const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

function fault(field: string, code: EventFaultCode, message: string): EventFault {
  return { field, code, message: `${field} ${message}` };
}

/** @returns null for a number that can be kept, else what is wrong with it */
export function faultOfNumber(value: unknown): string | null {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    return `must be a finite number, not ${describeValue(value)}`;
  }
  if (value !== 0 && (Math.abs(value) < MIN_NUMBER || Math.abs(value) > MAX_NUMBER)) {
    return `is ${value}; it must be 0 or between 0.000001 and 1000000000 (or the same below zero)`;
  }
  return null;
}

/** Milliseconds since 1970, or the fault as text. `nowMs` bounds the future: tomorrow is the furthest, for clocks that run ahead. */
export function parseTime(value: unknown, nowMs: number): number | string {
  const match = typeof value === 'string' ? DATE_TIME.exec(value) : null;
  const ms = match === null ? Number.NaN : Date.parse((value as string).replace(' ', 'T').toUpperCase());
  // Date.parse takes 2026-02-30 for 2 March; the day written must be the day meant.
  if (match === null || Number.isNaN(ms) || Number(match[3]) > new Date(Date.UTC(Number(match[1]), Number(match[2]), 0)).getUTCDate()) {
    return `must be a date and time with its zone, like 2026-11-22T10:00:00Z, not ${describeValue(value)}`;
  }
  if (ms < 0) {
    return `is ${value as string}, before 1970; times before that are not accepted`;
  }
  if (ms > nowMs + DAY_MS) {
    return `is ${value as string}, more than a day in the future`;
  }
  return ms;
}

/**
 * Checks one element.
 *
 * @param defaultEventId identity for an element without one of its own (from an Idempotency-Key), or null
 */
export function checkEvent(sent: unknown, types: ReadonlyMap<string, EventTypeRule>, defaultEventId: string | null, nowMs: number, recommendations: RecommendationReader): CheckedEvent | EventFault {
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) {
    return { field: '', code: 'not-an-object', message: `an event must be an object like {"userId":"u1","itemId":"i1","type":"view"}, not ${describeValue(sent)}` };
  }
  const fields = sent as Record<string, unknown>;
  for (const name of Object.keys(fields)) {
    if (!(EVENT_FIELDS as readonly string[]).includes(name)) {
      const near = nearestName(name, EVENT_FIELDS);
      return { field: name, code: 'unknown-field', message: `${describeValue(name)} is not a field of an event${near === null ? '.' : `; did you mean "${near}"?`} Known fields: ${EVENT_FIELDS.join(', ')}` };
    }
  }
  for (const name of ['userId', 'itemId', 'type'] as const) {
    if (fields[name] === undefined) {
      return fault(name, 'missing', 'is missing');
    }
  }
  for (const name of ['userId', 'itemId', 'groupId', 'eventId'] as const) {
    const wrong = fields[name] === undefined ? null : faultOfId(fields[name]);
    if (wrong !== null) {
      return fault(name, 'invalid-id', wrong);
    }
  }
  const type = typeof fields.type === 'string' ? types.get(fields.type) : undefined;
  if (type === undefined) {
    const names = [...types.keys()];
    const near = typeof fields.type === 'string' ? nearestName(fields.type, names) : null;
    return fault('type', 'unknown-event-type', `is ${describeValue(fields.type)}, which is no event type${near === null ? '' : ` (did you mean "${near}"?)`}. Known types: ${names.join(', ')}`);
  }
  if (type.mode === 'latest' && fields.value === undefined) {
    return fault('value', 'missing', `is missing; an event of type ${type.name} needs one (null takes the former one back)`);
  }
  if (fields.value === null && type.mode !== 'latest') {
    return fault('value', 'invalid-number', `must be a number or left out; null takes a rating back and means nothing for an event of type ${type.name}`);
  }
  for (const name of ['value', 'quantity', 'price'] as const) {
    const wrong = fields[name] === undefined || (name === 'value' && fields[name] === null) ? null : faultOfNumber(fields[name]);
    if (wrong !== null) {
      return fault(name, 'invalid-number', wrong);
    }
  }
  let occurredAtMs: number | null = null;
  if (fields.occurredAt !== undefined) {
    const time = parseTime(fields.occurredAt, nowMs);
    if (typeof time === 'string') {
      return fault('occurredAt', 'invalid-date', time);
    }
    occurredAtMs = time;
  }
  const { recommendationId, position } = fields;
  if (recommendationId !== undefined && (typeof recommendationId !== 'string' || recommendationId.length > MAX_RECOMMENDATION_ID)) {
    return fault('recommendationId', 'invalid-id', `must be the recommendationId of a list, not ${describeValue(recommendationId)}`);
  }
  if (position !== undefined && (!Number.isInteger(position) || (position as number) < 1 || (position as number) > MAX_POSITION)) {
    return fault('position', 'invalid-number', `must be a whole number from 1, the first item of the list, to ${MAX_POSITION}, not ${describeValue(position)}`);
  }
  if (position !== undefined && recommendationId === undefined) {
    return fault('recommendationId', 'missing', 'is missing; a position is one in the list of a recommendationId');
  }
  const recommendation = recommendationId === undefined ? null : readRecommendation(recommendations, recommendationId, (position as number | undefined) ?? null, occurredAtMs);
  const userId = fields.userId as string;
  const givenId = (fields.eventId as string | undefined) ?? defaultEventId;
  const dedup = givenId === null ? createUuidV7(nowMs) : dedupOfEventId(userId, givenId);
  return {
    event: {
      userId,
      itemId: fields.itemId as string,
      typeNo: type.typeNo,
      value: (fields.value as number | null | undefined) ?? null,
      quantity: (fields.quantity as number | undefined) ?? null,
      price: (fields.price as number | undefined) ?? null,
      groupHash: fields.groupId === undefined ? null : hashGroup(fields.groupId as string),
      occurredAtMs,
      dedup,
      ...(recommendation === null || typeof recommendation === 'string' ? {} : { recommendation }),
    },
    eventId: givenId ?? dedup,
    recommendationFault: typeof recommendation === 'string' ? recommendation : null,
  };
}
