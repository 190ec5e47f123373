/**
 * How far a long command is: on a terminal one line with a bar, written over; elsewhere (a log, a pipe) a plain line whenever the phase changes and now and then between. Always on
 * stderr, so that what a command found out stands alone on stdout.
 */
export interface ProgressLine {
  say(phase: string, progress: number, secondsLeft: number | null): void;
  /** Takes the bar away. */
  end(): void;
}

export interface ProgressTarget {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_WIDTH = 24;
const PLAIN_INTERVAL_MS = 10_000;
/** Eighths of a block, so that a short bar moves smoothly. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

export function drawBar(progress: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, progress)) * width * 8);
  const full = Math.floor(eighths / 8);
  return ('█'.repeat(full) + EIGHTHS[eighths % 8]).padEnd(width, '░');
}

export function createProgressLine(out: ProgressTarget, now: () => number): ProgressLine {
  let lastPhase = '';
  let lastMs = -Infinity;
  return {
    say(phase, progress, secondsLeft) {
      const left = secondsLeft === null ? '' : `, ${Math.ceil(secondsLeft)} s left`;
      const share = `${Math.round(progress * 100)} %`;
      if (out.isTTY === true) {
        const bar = (out.columns ?? 80) >= 60 ? `${drawBar(progress, BAR_WIDTH)} ` : '';
        out.write(`\r\u001B[K${phase.padEnd(9)} ${bar}${share.padStart(5)}${left}`);
      } else if (phase !== lastPhase || now() - lastMs >= PLAIN_INTERVAL_MS) {
        out.write(`${phase}, ${share}${left}\n`);
        lastPhase = phase;
        lastMs = now();
      }
    },
    end() {
      if (out.isTTY === true) {
        out.write('\r\u001B[K');
      }
    },
  };
}
