// SPDX-License-Identifier: Apache-2.0

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** An exporter of the library. */
export type Handle = { readonly handle: unique symbol };

/** The functions of addon/addon.cc. Numbers that they return are those of the library: 0, or a negative errno. */
export interface Addon {
  open(packing: number, targetEventBytes: number, maxEventBytes: number, recording?: string): Handle | number;
  /** -1 when somebody listens, else the step. */
  listening(handle: Handle): number;
  export(handle: Handle, batch: ArrayBuffer, size: number, result: ArrayBuffer): number;
  describe(batch: ArrayBuffer | undefined, size: number, returned: number, result?: ArrayBuffer): string;
  status(handle: Handle): string;
  statistics(handle: Handle, out: ArrayBuffer): number;
  shutdown(handle: Handle): number;
}

/** Throws an Error that says why where there is no addon for this process. */
export function loadAddon(): Addon {
  const platform = `${process.platform}-${process.arch}`;
  if (platform !== 'linux-x64' && platform !== 'linux-arm64') {
    throw new Error(`this package has no addon for ${platform}`);
  }
  return require(join(__dirname, '..', 'prebuilds', `${platform}-${libc()}.node`));
}

/** The libc that this process was built for: the path of its loader stands at the beginning of its program. */
function libc(): string {
  const beginning = Buffer.alloc(4096);
  try {
    const file = openSync(process.execPath, 'r');
    try {
      readSync(file, beginning, 0, beginning.length, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return 'gnu';
  }
  return beginning.includes('/ld-musl-') ? 'musl' : 'gnu';
}
