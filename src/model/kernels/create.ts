/** Which kernels a thread computes with. */
import type { Kernels } from './kernels.ts';
import { createWasmKernels } from './wasm.ts';

/** `auto` takes WebAssembly where it can run. */
export type KernelChoice = 'auto' | 'wasm' | 'reference';

/** The reference is loaded only where it is used: ml-matrix with it takes as long to load as a small fit. Rejects where WebAssembly is demanded and cannot run. */
export async function createKernels(choice: KernelChoice, memory: WebAssembly.Memory): Promise<Kernels> {
  if (choice === 'wasm' || (choice === 'auto' && canRunWasm())) return createWasmKernels(memory);
  const { createReferenceKernels } = await import('./reference.ts');
  return createReferenceKernels(memory);
}

/** (module (func (result v128) i32.const 0, i8x16.splat)): valid only where SIMD is. */
const simdProbe = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11);

export function canRunWasm(): boolean {
  return typeof WebAssembly === 'object' && typeof SharedArrayBuffer === 'function' && WebAssembly.validate(simdProbe);
}
