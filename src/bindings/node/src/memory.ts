// SPDX-License-Identifier: Apache-2.0

import { BATCH } from './records';

/** All offsets are small integers for the JavaScript engine. */
const MOST_BYTES = 2 ** 30;
const LEAST_ROOM = 1 << 15;
const encoder = new TextEncoder();

/**
 * The memory of a batch, little-endian as every machine is that there is an addon for:
 *
 *     | header | texts, and room for more | what a cycle writes |
 *
 * Texts stay from one cycle to the next, each once. When they need more room, or when those pile up that series had which
 * have gone, a cycle starts over with none.
 */
export class Memory {
  buffer = new ArrayBuffer(2 * LEAST_ROOM);
  u8 = new Uint8Array(this.buffer);
  /** These change when records are reserved, and not when texts are written. */
  u32 = new Uint32Array(this.buffer);
  f64 = new Float64Array(this.buffer);
  /** Where the next record goes: a multiple of 8. */
  used = 0;

  /** Offsets by text. In front of each is its length. */
  private readonly texts = new Map<string, number>();
  private textsEnd: number = BATCH.size;
  private textsLimit = BATCH.size + LEAST_ROOM;
  /** Bytes of texts that found no room in this cycle. */
  private lacking = 0;
  /** The number of texts after the first cycle since it started over; -1: there was none. */
  private needed = -1;

  /** Forgets what the last cycle has written. */
  begin(): void {
    if (this.texts.size > 2 * this.needed + 1000 && this.needed >= 0) this.startOver(this.textsEnd);
    this.used = this.textsLimit;
    this.require(0);
  }

  /** Whether all texts found room. If not, there will be enough when the cycle is begun again. */
  end(): boolean {
    if (this.lacking > 0) {
      this.startOver(this.textsEnd + this.lacking);
      return false;
    }
    if (this.needed < 0) this.needed = this.texts.size;
    return true;
  }

  startOver(bytesOfTexts = 0): void {
    this.texts.clear();
    this.textsEnd = BATCH.size;
    this.textsLimit = BATCH.size + Math.max((bytesOfTexts * 3) >> 1, LEAST_ROOM);
    this.textsLimit = (this.textsLimit + 7) & -8;
    this.lacking = 0;
    this.needed = -1;
    this.allocate(this.textsLimit + LEAST_ROOM);
  }

  /** Room for records, and where it is. */
  reserve(bytes: number): number {
    const off = this.used;
    this.require(bytes);
    this.used = (off + bytes + 7) & -8;
    return off;
  }

  /** Makes sure that there is room for so many bytes. */
  require(bytes: number): void {
    if (this.used + bytes + 16 > this.buffer.byteLength) this.grow(bytes);
  }

  /** Where a text is. Its length is the number in front of it. */
  text(text: string): number {
    const off = this.texts.get(text);
    return off === undefined ? this.addText(text) : off;
  }

  /** Where some bytes are that do not stay, as a text. */
  bytes(bytes: Uint8Array): number {
    const off = this.reserve(4 + bytes.length) + 4;
    this.u8.set(bytes, off);
    this.u32[(off >> 2) - 1] = bytes.length;
    return off;
  }

  private addText(text: string): number {
    const off = this.textsEnd + 4;
    if (off + 3 * text.length + 4 > this.textsLimit) {
      // Something is there, and this cycle will be begun again.
      this.lacking += 3 * text.length + 12;
      this.texts.set(text, BATCH.size);
      return BATCH.size;
    }
    const length = this.encodeAscii(text, off) ?? encoder.encodeInto(text, this.u8.subarray(off)).written;
    this.u32[(off >> 2) - 1] = length;
    this.textsEnd = (off + length + 3) & -4;
    this.texts.set(text, off);
    return off;
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

  private grow(bytes: number): void {
    const before = this.u8;
    this.allocate(Math.max(this.used + bytes + 16, 2 * this.buffer.byteLength));
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
