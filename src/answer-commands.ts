/** `jongleur recommend`, `similar`, `together`, `session`, `trending` and `newest`: what the API answers, at a terminal. */
import { type Command, InvalidArgumentError } from 'commander';
import { CommandFault } from './command-fault.ts';
import type { Config } from './config.ts';
import type { House } from './house.ts';
import type { EventTypeRule } from './model/interactions.ts';
import { type Answer, type Answers, createAnswers } from './serving/answers.ts';
import { PARAMETERS, PARAMETER_NAMES, type Parameter, type ParameterName, type ParameterValue } from './serving/parameters.ts';
import type { ListSource } from './serving/recommendation-id.ts';
import type { ListRequest } from './serving/requests.ts';
import { SteeringFault, type SteeringRequest } from './serving/steering.ts';
import { listEventTypes } from './storage/event-types.ts';
import { readSecret } from './storage/secrets.ts';

interface Surroundings {
  withHouse(work: (house: House, signal: AbortSignal, config: Config) => Promise<void>): Promise<void>;
}

type AnswerOptions = { readonly [K in ParameterName]?: ParameterValue<K> } & {
  readonly filter?: string;
  readonly boost?: string;
  readonly exclude?: string[];
  readonly scenario?: string;
  readonly json?: boolean;
};

/** What a list is for, in words for the terminal. */
interface Ask {
  /** What nothing may be known of. */
  readonly of: string;
  readonly source: ListSource;
  readonly ask: (answers: Answers, request: ListRequest, types: readonly EventTypeRule[]) => Promise<Answer | null>;
}

/** What an answer is made of that another one was asked for. */
const INSTEAD: Readonly<Partial<Record<string, string>>> = { trending: 'what is trending', similar: 'what is similar' };
/** A command has more time than a page. */
const LOAD_TIMEOUT_MS = 10_000;

const print = (text: string) => process.stdout.write(`${text}\n`);

function number(least: number, most: number, whole: boolean) {
  return (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(`It must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}.`);
    }
    return value;
  };
}

function printAnswer(answer: Answer): void {
  if (answer.items.length === 0) {
    print('Nothing to recommend: nothing is left by the conditions, or there are no events yet.');
    return;
  }
  const width = Math.max(...answer.items.map((item) => item.itemId.length));
  for (const [rank, item] of answer.items.entries()) {
    print(`${String(rank + 1).padStart(3)}  ${(item.score?.toFixed(4) ?? '').padStart(8)}  ${item.itemId.padEnd(width)}  ${item.title ?? ''}${item.source === undefined ? '' : ` (${item.source})`}`);
    for (const { text, score } of item.reasons ?? []) {
      print(`${' '.repeat(15 + width)}${score.toFixed(4)}  ${text}`);
    }
  }
}

/** The parameters that have one value, by their table; what the API takes as text or list besides. */
function withSteering(command: Command): Command {
  for (const name of PARAMETER_NAMES) {
    const rule: Parameter = PARAMETERS[name];
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const says = `${rule.says[0].toLowerCase()}${rule.says.slice(1)}`;
    if (rule.kind === 'switch') {
      command.option(rule.default ? `--no-${flag}` : `--${flag}`, rule.off ?? says);
    } else {
      command.option(`--${flag} <n>`, `${says}${rule.default === null ? '' : ` (default: ${rule.default}, or the scenario’s)`}`, number(rule.least, rule.most, rule.kind === 'integer'));
    }
  }
  return command
    .option('--filter <condition>', 'only items that match, e.g. "category = shoes AND price < 100"')
    .option('--boost <list>', 'what to move up or down, e.g. "category:shoes^1.5"')
    .option('--exclude <itemId...>', 'items that are not to be in the list')
    .option('--scenario <name>', 'a scenario whose steering applies besides')
    .option('--json', 'the answer as the API gives it');
}

/** A switch that is on by default is off or not spoken of. */
function steeringOf(options: AnswerOptions): SteeringRequest {
  return Object.fromEntries(PARAMETER_NAMES.map((name) => [name, PARAMETERS[name].default === true && options[name] === true ? undefined : options[name]]));
}

export function addAnswerCommands(program: Command, { withHouse }: Surroundings): void {
  async function answer(options: AnswerOptions, { of, source, ask }: Ask): Promise<void> {
    await withHouse(async ({ database, facts }) => {
      const answers = createAnswers({ database, systemIdentifier: facts.systemIdentifier, tokenKey: await readSecret(database, 'tokens'), now: Date.now, log: () => undefined, loadTimeoutMs: LOAD_TIMEOUT_MS });
      await answers.start();
      try {
        const { filter, boost, exclude, scenario } = options;
        const steering = { ...steeringOf(options), filter, exclude, boosts: boost === undefined ? undefined : answers.readBoosts(boost), fields: ['title', 'price'] as const };
        // Who asks at a terminal is shown a list, and no shopper.
        const made = await ask(answers, { steering, scenario, preview: true }, await listEventTypes(database));
        if (made === null) {
          throw new CommandFault(`There is no item ${of}.`);
        }
        if (options.json === true) {
          print(JSON.stringify(made, null, 2));
          return;
        }
        if (made.source !== source) {
          process.stderr.write(`${made.modelVersion === null ? 'No model is live yet (jongleur train makes one)' : `Nothing is known of ${of} that such a list could be made from`}: this is ${INSTEAD[made.source] ?? made.source}.\n`);
        }
        printAnswer(made);
      } catch (error) {
        throw error instanceof SteeringFault ? new CommandFault(error.message) : error;
      } finally {
        answers.stop();
      }
    });
  }

  const command = (name: string, says: string) => withSteering(program.command(name).description(says));
  const quoted = (ids: readonly string[]) => ids.map((id) => JSON.stringify(id)).join(', ');

  command('recommend', 'print what is recommended to a shopper')
    .argument('<userId>', 'the shopper')
    .action(async (userId: string, options: AnswerOptions) => {
      await answer(options, { of: quoted([userId]), source: 'personal', ask: async (answers, request) => await answers.recommend(userId, request) });
    });
  command('similar', 'print items that please the same shoppers')
    .argument('<itemId...>', 'the item, or several')
    .option('--user <userId>', 'a shopper whose taste turns the list a little')
    .action(async (itemIds: string[], options: AnswerOptions & { readonly user?: string }) => {
      await answer(options, { of: quoted(itemIds), source: 'similar', ask: async (answers, request) => await answers.similar(itemIds, options.user ?? null, request) });
    });
  command('together', 'print what was bought together with an item')
    .argument('<itemId...>', 'the item, or all that lie in a cart')
    .action(async (itemIds: string[], options: AnswerOptions) => {
      await answer(options, { of: quoted(itemIds), source: 'together', ask: async (answers, request) => await answers.together(itemIds, request) });
    });
  command('session', 'print what is recommended to somebody without a name')
    .argument('<itemId...>', 'the items they looked at, oldest first')
    .option('--type <name>', 'the event type of all of them', 'view')
    .action(async (itemIds: string[], options: AnswerOptions & { readonly type: string }) => {
      await answer(options, {
        of: quoted(itemIds), source: 'session',
        async ask(answers, request, types) {
          const type = types.find(({ name }) => name === options.type);
          if (type === undefined) {
            throw new CommandFault(`There is no event type ${JSON.stringify(options.type)}; there are ${types.map(({ name }) => name).join(', ')}.`);
          }
          return await answers.session(itemIds.map((itemId) => ({ itemId, typeNo: type.typeNo })), request);
        },
      });
    });
  command('trending', 'print what is on the rise').action(async (options: AnswerOptions) => {
    await answer(options, { of: 'the shop', source: 'trending', ask: async (answers, request) => await answers.trending(request) });
  });
  command('newest', 'print what is new in the catalogue').action(async (options: AnswerOptions) => {
    await answer(options, { of: 'the shop', source: 'newest', ask: async (answers, request) => await answers.newest(request) });
  });
}
