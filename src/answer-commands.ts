/** `jongleur recommend` and `jongleur similar`: what the API answers, at a terminal. */
import { type Command, InvalidArgumentError } from 'commander';
import { CommandFault } from './command-fault.ts';
import type { Config } from './config.ts';
import type { House } from './house.ts';
import { type Answer, type Answers, createAnswers } from './serving/answers.ts';
import type { ListRequest } from './serving/requests.ts';
import { SteeringFault } from './serving/steering.ts';
import { readSecret } from './storage/secrets.ts';

interface Surroundings {
  withHouse(work: (house: House, signal: AbortSignal, config: Config) => Promise<void>): Promise<void>;
}

interface AnswerOptions {
  readonly limit?: number;
  readonly filter?: string;
  readonly boost?: string;
  readonly exclude?: string[];
  readonly diversity?: number;
  readonly rotation?: number;
  readonly includeSeen?: boolean;
  readonly reasons?: boolean;
  readonly scenario?: string;
  readonly json?: boolean;
}

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
    print(`${String(rank + 1).padStart(3)}  ${item.score.toFixed(4).padStart(8)}  ${item.itemId.padEnd(width)}  ${item.title ?? ''}${item.source === undefined ? '' : ` (${item.source})`}`);
    for (const { text, score } of item.reasons ?? []) {
      print(`${' '.repeat(15 + width)}${score.toFixed(4)}  ${text}`);
    }
  }
}

function withSteering(command: Command): Command {
  return command
    .option('--limit <n>', 'how many, 1 to 200 (default: 10, or the scenario’s)', number(1, 200, true))
    .option('--filter <condition>', 'only items that match, e.g. "category = shoes AND price < 100"')
    .option('--boost <list>', 'what to move up or down, e.g. "category:shoes^1.5"')
    .option('--exclude <itemId...>', 'items that are not to be in the list')
    .option('--include-seen', 'what the shopper’s own events hide is answered as well')
    .option('--diversity <share>', 'how much unlikeness counts, 0 to 1', number(0, 1, false))
    .option('--rotation <share>', 'how far chance may move an item, 0 to 1', number(0, 1, false))
    .option('--scenario <name>', 'a scenario whose steering applies besides')
    .option('--reasons', 'say why')
    .option('--json', 'the answer as the API gives it');
}

export function addAnswerCommands(program: Command, { withHouse }: Surroundings): void {
  async function answer(id: string, options: AnswerOptions, ask: (answers: Answers, request: ListRequest) => Promise<Answer>): Promise<void> {
    await withHouse(async ({ database, facts }) => {
      const answers = createAnswers({ database, systemIdentifier: facts.systemIdentifier, tokenKey: await readSecret(database, 'tokens'), now: Date.now, log: () => undefined });
      await answers.start();
      try {
        const { limit, filter, boost, exclude, includeSeen, diversity, rotation, reasons, scenario } = options;
        const steering = { limit, filter, exclude, includeSeen, diversity, rotation, reasons, boosts: boost === undefined ? undefined : answers.readBoosts(boost), fields: ['title', 'price'] as const };
        const made = await ask(answers, { steering, scenario });
        if (options.json === true) {
          print(JSON.stringify(made, null, 2));
          return;
        }
        if (made.source === 'trending') {
          process.stderr.write(`${made.modelVersion === null ? 'No model is live yet (jongleur train makes one)' : `Nothing is known of ${JSON.stringify(id)} that could be scored`}: this is what is trending.\n`);
        }
        printAnswer(made);
      } catch (error) {
        throw error instanceof SteeringFault ? new CommandFault(error.message) : error;
      } finally {
        answers.stop();
      }
    });
  }

  withSteering(program.command('recommend').argument('<userId>', 'the shopper').description('print what is recommended to a shopper')).action(async (userId: string, options: AnswerOptions) => {
    await answer(userId, options, async (answers, request) => await answers.recommend(userId, request));
  });
  withSteering(program.command('similar').argument('<itemId>', 'the item').description('print items that please the same shoppers')).action(async (itemId: string, options: AnswerOptions) => {
    await answer(itemId, options, async (answers, request) => {
      const made = await answers.similar([itemId], null, request);
      if (made === null) {
        throw new CommandFault(`There is no item ${JSON.stringify(itemId)}.`);
      }
      return made;
    });
  });
}
