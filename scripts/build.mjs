/**
 * Builds `src` into `dist` with tsc. `--if-stale` does nothing where `dist` was made from exactly these sources: the stamp is a hash of their bytes, since
 * times say nothing after a clone or a copy.
 */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stampFile = join(dist, '.stamp');

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function stampOfSources() {
  const hash = createHash('sha256');
  const inputs = [...filesBelow(join(root, 'src')), ...['tsconfig.json', 'tsconfig.build.json', 'package.json', 'scripts/build.mjs'].map((name) => join(root, name))];
  for (const file of inputs) {
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

if (!existsSync(join(root, 'src'))) {
  // An installed package brings dist and no sources: nothing to build.
  process.exit(0);
}
const stamp = stampOfSources();
if (process.argv.includes('--if-stale') && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) {
  process.exit(0);
}
let compiler;
try {
  compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
} catch {
  console.error('jongleur: dist does not match src and TypeScript is not installed. Run "npm ci" (with development packages) once, then start again.');
  process.exit(1);
}
rmSync(dist, { recursive: true, force: true });
const result = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json')], { cwd: root, stdio: 'inherit' });
if (result.status !== 0) {
  process.exit(result.status ?? 1);
}
const cli = join(dist, 'cli.js');
if (existsSync(cli)) {
  chmodSync(cli, 0o755);
}
writeFileSync(stampFile, stamp);
