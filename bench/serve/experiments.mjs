/**
 * What experiments cost: the same server and the same shoppers by turns, without and with an experiment on all lists, and with a guard, under which one shopper in five is answered from a second model.
 * Lists are counted in both.
 */
import { addRow, check, median } from '../train/table.mjs';

/** @param tools `rateOf` asks for lists for some seconds and gives answers a second, `publishAgain` publishes the shop's model once more */
export async function measureExperiments({ rateOf, ask, publishAgain, rounds }, sizes) {
  for (const [size, opened] of sizes) {
    const { server, base, model } = opened;
    const name = `${model.itemIds.length} items, trained`;
    const variantsOf = async () => new Set(await Promise.all(model.userIds.slice(0, 60).map(async (userId) => (await ask(base, `/v1/users/${userId}/recommendations?limit=10`)).modelVersion)));
    await rateOf(opened);
    const compare = async (what, begin, end, bounds) => {
      const turns = [];
      for (let round = 0; round < rounds; round++) {
        const plain = await rateOf(opened);
        await begin(round);
        const tried = await rateOf(opened);
        await end(round);
        turns.push([plain, tried]);
      }
      const middle = (of) => median(turns.map(of));
      addRow({
        measure: `${name}, ${what}, of without`, ...bounds, figure: middle(([plain, tried]) => tried.perSecond / plain.perSecond), best: 'high',
        raw: `${middle(([, tried]) => tried.perSecond).toFixed(0)}/s, ${middle(([, tried]) => tried.cpuUs).toFixed(1)} µs CPU against ${middle(([plain]) => plain.perSecond).toFixed(0)}/s, ${middle(([plain]) => plain.cpuUs).toFixed(1)} µs`,
      });
    };
    const told = async (on, round) => check((await server.told({ command: 'experiment', on, name: `bench-${size}-${round}` })).running === (on ? 1 : 0), 'the experiment does not run as it should');
    await compare('an experiment', (round) => told(true, round), (round) => told(false, round), { floor: 0.93, goal: 0.98 });
    const before = await server.told({ command: 'usage' });
    await publishAgain(opened);
    await server.told({ command: 'follow' });
    check((await variantsOf()).size === 2, 'the guard does not answer from two models');
    const after = await server.told({ command: 'usage' });
    await rateOf(opened);
    const guarded = await rateOf(opened);
    await server.told({ command: 'end-guards' });
    check((await variantsOf()).size === 1, 'the guard has not ended');
    await rateOf(opened);
    const alone = await rateOf(opened);
    addRow({ measure: `${name}, a guard, of without`, figure: guarded.perSecond / alone.perSecond, best: 'high', raw: `${guarded.perSecond.toFixed(0)}/s against ${alone.perSecond.toFixed(0)}/s; memory ${(after.rssBytes / 1e6).toFixed(0)} MB against ${(before.rssBytes / 1e6).toFixed(0)} MB` });
  }
}
