/**
 * Builds `src` into `dist`: the kernels with AssemblyScript into `src/model/kernels/wasm.generated.ts`, everything with tsc. `--if-stale` does nothing where
 * `dist` was made from exactly these sources: the stamp is a hash of their bytes, since times say nothing after a clone or a copy.
 */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const stampFile = join(dist, '.stamp');
const kernels = join(root, 'src', 'model', 'kernels');
const generated = join(kernels, 'wasm.generated.ts');

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => file !== generated)
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
if (process.argv.includes('--if-stale') && existsSync(generated) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) {
  process.exit(0);
}
let compiler;
let assembler;
try {
  const { resolve } = createRequire(import.meta.url);
  compiler = join(dirname(resolve('typescript/package.json')), 'bin', 'tsc');
  assembler = join(dirname(resolve('assemblyscript/package.json')), 'bin', 'asc.js');
} catch {
  console.error('jongleur: dist does not match src and the compilers are not installed. Run "npm ci" (with development packages) once, then start again.');
  process.exit(1);
}

/** Runs a compiler; a failure ends the build. */
function run(program, args) {
  const { status } = spawnSync(process.execPath, [program, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
}

/** The module's bytes as text in a module of its own, so that no file is read when it is used. */
function buildKernels() {
  const folder = mkdtempSync(join(tmpdir(), 'jongleur-kernels-'));
  const wasm = join(folder, 'kernels.wasm');
  run(assembler, [
    relative(root, join(kernels, 'assembly', 'index.ts')), '-o', wasm, '-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--enable', 'threads',
    '--importMemory', '--noExportMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536', '--zeroFilledMemory',
  ]);
  const text = readFileSync(wasm).toString('base64');
  rmSync(folder, { recursive: true });
  writeFileSync(generated, `/** Made by scripts/build.mjs from assembly/. */\nexport const wasmBase64 =\n  '${text}';\n`);
}

buildKernels();
rmSync(dist, { recursive: true, force: true });
run(compiler, ['-p', join(root, 'tsconfig.build.json')]);
cpSync(join(root, 'src', 'dashboard'), join(dist, 'dashboard'), { recursive: true });
const cli = join(dist, 'cli.js');
if (existsSync(cli)) {
  chmodSync(cli, 0o755);
}
writeFileSync(stampFile, stamp);
