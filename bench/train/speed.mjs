/** Wall time to the objective that implicit has after its last sweep, the two packages in turn. */
import { fitOnThreads } from '../../dist/training/threads/fit.js';
import { objectiveOf, runImplicit } from './implicit.mjs';
import { addRow, check, median } from './table.mjs';

const BOUNDS = {
  '1M': { 64: [0.5, 0.33], 128: [0.6, 0.4], 256: [0.85, 0.5] },
  '10M': { 64: [0.6, 0.4], 128: [0.7, 0.45], 256: [0.9, 0.6] },
};
const REGULARIZATION = 0.05;

const list = (values, digits) => values.map((value) => value.toFixed(digits)).join(' ');
const mb = (bytes) => `${(bytes / 1e6).toFixed(0)} MB`;

/**
 * The fewest sweeps whose finished fit is no higher than `wanted`: a fit's last sweep differs from the same sweep in a longer one (it is not over-relaxed). Null: none up to the recipe's.
 * What the product says of its objective is held against float64.
 */
async function findSweeps(wanted, { byUser, recipe, threads, folder }) {
  let constant = null;
  for (let sweeps = 1; sweeps <= recipe.sweeps; sweeps++) {
    const fit = await fitOnThreads({ byUser, recipe: { ...recipe, sweeps }, threads, objective: true });
    if (constant !== null && fit.objective.at(-1) + constant > wanted * (1 + 1e-4)) {
      continue;
    }
    const computed = objectiveOf(folder, fit.users, fit.items, recipe.regularization);
    constant = computed.constant;
    const said = fit.objective.map((value) => value + constant);
    check(Math.abs(said.at(-1) - computed.total) <= 1e-4 * Math.abs(computed.total), `the product says ${said.at(-1)} of its objective; in float64 it is ${computed.total}`);
    if (computed.total <= wanted) {
      return { sweeps, said, kernel: fit.kernel };
    }
  }
  return null;
}

export async function measureSpeed({ size, byUser, folder, factors, sweeps, threads, rounds, seed }) {
  const recipe = { factors, sweeps, stepsPerSweep: 3, regularization: REGULARIZATION, unobservedWeight: 1, frequencyExponent: 0, seed };
  const job = { folder, factors, sweeps, regularization: REGULARIZATION, threads, seed };
  const theirs = runImplicit(job, '--every');
  const found = await findSweeps(theirs.objective, { byUser, recipe, threads, folder });
  check(found !== null, `no fit of up to ${sweeps} sweeps comes as low as implicit's ${theirs.objective.toFixed(0)}`);
  const { sweeps: needed, said } = found;
  console.log(`\n${size} × ${factors} factors, after each sweep (implicit ${theirs.version}; jongleur with ${found.kernel} kernels; the last objective is that of the exact users)`);
  console.log(`  implicit  objective ${list(theirs.objectives, 0)}`);
  console.log(`  jongleur  objective ${list(said, 0)}`);

  // in turn; where there is one round, the run that was followed sweep by sweep is implicit's: computing the objective is not in its time
  const ours = [];
  const their = [];
  for (let round = 0; round < rounds; round++) {
    their.push(rounds === 1 ? theirs : runImplicit(job));
    ours.push(await fitOnThreads({ byUser, recipe: { ...recipe, sweeps: needed }, threads }));
  }
  const last = ours.at(-1);
  const reached = objectiveOf(folder, last.users, last.items, REGULARIZATION).total;
  check(reached <= theirs.objective, `the timed fit ended at ${reached}, above implicit's ${theirs.objective}`);
  const wall = median(ours.map((fit) => fit.seconds));
  const theirWall = median(their.map((fit) => fit.wall));
  console.log(`  implicit  wall a sweep ${list(their.at(-1).sweepWalls, 2)}; CPU a sweep ${list(their.at(-1).sweepCpus, 2)}`);
  console.log(`  jongleur  wall a sweep ${list(last.secondsPerSweep, 2)}; CPU a sweep ${list(last.cpuSecondsPerSweep, 2)}`);
  console.log(`  implicit  ${sweeps} sweeps: wall ${theirWall.toFixed(2)} s (${list(their.map((fit) => fit.wall), 2)}), CPU ${median(their.map((fit) => fit.cpu)).toFixed(2)} s, peak ${mb(their.at(-1).peakBytes)}`);
  console.log(`  jongleur  ${needed} sweeps and the exact users: wall ${wall.toFixed(2)} s (${list(ours.map((fit) => fit.seconds), 2)}), CPU ${median(ours.map((fit) => fit.cpuSeconds)).toFixed(2)} s (peak: see the memory rows)`);
  const [floor, goal] = BOUNDS[size]?.[factors] ?? [null, null];
  addRow({ measure: `wall to implicit's objective, ${size}, ${factors} factors`, floor, goal, figure: wall / theirWall, unit: '×', raw: `${wall.toFixed(2)} s / ${theirWall.toFixed(2)} s` });
}
