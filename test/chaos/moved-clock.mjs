/** Planted by `node --import`: SIGUSR2 moves the process' wall clock by PLANTED_HOURS. */
const { now } = Date;
let moved = 0;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [now() + moved] : given));
  }

  static now() {
    return now() + moved;
  }
};
process.on('SIGUSR2', () => {
  moved += Number(process.env.PLANTED_HOURS) * 3_600_000;
});
