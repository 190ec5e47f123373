/** What a training run found out: the same fields in the run and in the card of the version that it made. */
import { Type } from 'typebox';
import { Nullable } from './schemas.ts';

/** Of any fields: what a report holds grows with the program that writes it. */
export const Open = (description: string) => Type.Unsafe<object>({ type: 'object', additionalProperties: true, description });
export const NullableOpen = (description: string) => Type.Unsafe<object | null>({ type: ['object', 'null'], additionalProperties: true, description });

export const findings = {
  start: NullableOpen('Where the published fit began'),
  search: NullableOpen('How the recipe was chosen'),
  test: NullableOpen('Figures with 95 % intervals on what was held out, beside the live recipe and simple rules, by length of list and segment'),
  ratings: NullableOpen('RMSE and MAE of predicted ratings, beside simple predictions; null where there are too few ratings'),
  unmeasured: Nullable(Type.String({ description: 'Why there are no figures' })),
  gate: NullableOpen('Whether it was to go live, with every reason in words and, where two rankings were compared, their paired difference (`comparison`)'),
  verdict: NullableOpen('Under-, over- or well fitted, with what that rests on and the advice that follows'),
  curves: NullableOpen('Learning curves on validation: what the verdict was read from, with what each point cost'),
  prequential: NullableOpen('How the version before it really did on what came after it'),
  quality: Type.Unsafe<readonly object[] | null>({ type: ['array', 'null'], items: { type: 'object', additionalProperties: true }, description: 'What was found in its data' }),
};
