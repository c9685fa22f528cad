// SPDX-License-Identifier: Apache-2.0

import { BATCH } from './records';

/** Behind all offsets that a record may have here, so that they are small integers everywhere. */
const MOST_BYTES = 2 ** 30;
const LEAST_BYTES = 1 << 16;
const encoder = new TextEncoder();

/**
 * The memory of a batch, little-endian as every machine is that there is an addon for:
 *
 *     | header | texts, and room for more | what a cycle writes |
 *
 * Texts stay from one cycle to the next, each once. Those that find no room are among what the cycle writes, and the
 * next one starts over with more room; so it does when texts pile up that series had which have gone.
 */
export class Memory {
  buffer = new ArrayBuffer(LEAST_BYTES);
  u8 = new Uint8Array(this.buffer);
  u32 = new Uint32Array(this.buffer);
  f64 = new Float64Array(this.buffer);
  /** Where the next record goes: a multiple of 8. */
  used = 0;

  /** Offsets by text. In front of each is its length. */
  private readonly texts = new Map<string, number>();
  private textsEnd: number = BATCH.size;
  private textsLimit = BATCH.size + LEAST_BYTES / 2;
  /** Bytes of texts that found no room. */
  private homeless = 0;
  /** The number of texts after the first cycle since it started over. */
  private needed = -1;

  /** Forgets the last cycle. */
  begin(): void {
    if (this.needed < 0) this.needed = this.texts.size;
    if (this.homeless > 0 || this.texts.size > 2 * this.needed + 1000) {
      const cycle = this.used - this.textsLimit;
      // What has piled up is not needed again: half of it, if not more.
      const texts = this.homeless > 0 ? this.textsEnd + this.homeless : this.textsEnd / 2;
      this.textsLimit = Math.min(BATCH.size + ((texts * 3) >>> 1), MOST_BYTES / 2) & -8;
      this.forget();
      this.allocate(this.textsLimit + cycle + LEAST_BYTES);
    }
    this.used = this.textsLimit;
    this.require(0);
  }

  /** After a failure, nothing that was written is relied on. */
  forget(): void {
    this.texts.clear();
    this.textsEnd = BATCH.size;
    this.homeless = 0;
    this.needed = -1;
  }

  /** Room for a record or several, and where it is. */
  reserve(bytes: number): number {
    const off = this.used;
    this.require(bytes);
    this.used = (off + bytes + 7) & -8;
    return off;
  }

  /** Where a text is. Its length is the number in front of it. */
  text(text: string): number {
    return this.texts.get(text) ?? this.addText(text);
  }

  /** Where some bytes are, as a text. */
  bytes(bytes: Uint8Array): number {
    const off = this.reserve(4 + bytes.length) + 4;
    this.u8.set(bytes, off);
    this.u32[(off >> 2) - 1] = bytes.length;
    return off;
  }

  private addText(text: string): number {
    const most = 4 + 3 * text.length;
    let off = this.textsEnd + 4;
    if (off + most <= this.textsLimit) {
      const length = this.encode(text, off);
      this.textsEnd = (off + length + 3) & -4;
    } else {
      off = this.reserve(most) + 4;
      const length = this.encode(text, off);
      this.used = (off + length + 7) & -8;
      this.homeless += length + 8;
    }
    this.texts.set(text, off);
    return off;
  }

  private encode(text: string, off: number): number {
    const length = this.encodeAscii(text, off) ?? encoder.encodeInto(text, this.u8.subarray(off)).written;
    this.u32[(off >> 2) - 1] = length;
    return length;
  }

  private encodeAscii(text: string, off: number): number | undefined {
    const length = text.length;
    if (length > 64) return undefined;
    const u8 = this.u8;
    for (let i = 0; i < length; ++i) {
      const code = text.charCodeAt(i);
      if (code > 127) return undefined;
      u8[off + i] = code;
    }
    return length;
  }

  private require(bytes: number): void {
    const wanted = this.used + bytes + 16;
    if (wanted <= this.buffer.byteLength) return;
    const before = this.u8;
    this.allocate(Math.max(wanted, 2 * this.buffer.byteLength));
    this.u8.set(before);
  }

  private allocate(bytes: number): void {
    if (bytes > MOST_BYTES) throw new RangeError('the metrics of one collection take more than a gigabyte');
    this.buffer = new ArrayBuffer((bytes + 7) & -8);
    this.u8 = new Uint8Array(this.buffer);
    this.u32 = new Uint32Array(this.buffer);
    this.f64 = new Float64Array(this.buffer);
  }
}
