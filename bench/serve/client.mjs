/**
 * Asks as fast as answers come, over kept connections: by wrk where it is installed, else from this process. The same client measures both sides of every ratio.
 */
import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const CONNECTIONS = 32;
export const client = hasWrk() ? 'wrk' : 'node';

function hasWrk() {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return error.code !== 'ENOENT';
  }
}

/** @returns answers a second, latencies in ms, and how many were not 200 */
export async function load({ base, paths, key, seconds, folder, connections = CONNECTIONS }) {
  return client === 'wrk' ? await loadByWrk(base, paths, key, seconds, folder, connections) : await loadByNode(base, paths, key, seconds, connections);
}

async function loadByWrk(base, paths, key, seconds, folder, connections) {
  const script = join(folder, 'paths.lua');
  const list = join(folder, 'paths.txt');
  writeFileSync(list, paths.join('\n'));
  writeFileSync(script, `local paths = {}\nfor line in io.lines("${list}") do paths[#paths + 1] = line end\nlocal at = 0\nlocal headers = { ["authorization"] = "Bearer ${key}" }\nrequest = function() at = at % #paths + 1 return wrk.format("GET", paths[at], headers) end\n`);
  const { stdout } = await promisify(execFile)('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', script, base]);
  const ms = (text) => Number.parseFloat(text) * (text.endsWith('us') ? 0.001 : text.endsWith('ms') ? 1 : 1000);
  const latency = (share) => ms(new RegExp(`${share}%\\s+([\\d.]+[a-z]+)`).exec(stdout)[1]);
  return { perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]), p50: latency(50), p99: latency(99), failed: Number(/Non-2xx[^:]*:\s*(\d+)/.exec(stdout)?.[1] ?? 0) };
}

async function loadByNode(base, paths, key, seconds, connections) {
  const { hostname, port } = new URL(base);
  const latencies = [];
  let [next, failed] = [0, 0];
  const endMs = performance.now() + seconds * 1000;
  const one = () =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      let sentMs = 0;
      let rest = '';
      const ask = () => {
        sentMs = performance.now();
        socket.write(`GET ${paths[next++ % paths.length]} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${key}\r\n\r\n`);
      };
      socket.setEncoding('latin1');
      socket.on('connect', ask).on('error', reject).on('data', (text) => {
        rest += text;
        const headEnd = rest.indexOf('\r\n\r\n');
        if (headEnd < 0 || rest.length < headEnd + 4 + Number(/content-length: (\d+)/i.exec(rest)[1])) {
          return;
        }
        latencies.push(performance.now() - sentMs);
        failed += rest.startsWith('HTTP/1.1 200') ? 0 : 1;
        rest = '';
        if (performance.now() < endMs) {
          ask();
        } else {
          socket.destroy();
          resolve();
        }
      });
    });
  await Promise.all(Array.from({ length: connections }, one));
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.floor(share * (latencies.length - 1))];
  return { perSecond: latencies.length / seconds, p50: at(0.5), p99: at(0.99), failed };
}
