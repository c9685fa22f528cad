// SPDX-License-Identifier: Apache-2.0

import type { Memory } from './memory';
import { ARRAY, ATTRIBUTE, BOOL, BYTES, DOUBLE, EMPTY, INT, KVLIST, STRING, VALUE } from './records';

const TWO_TO_32 = 2 ** 32;
const TWO_TO_63 = 2 ** 63;
/** Beyond where the library ends nesting, however lists and arrays take turns. It also ends rings. */
const DEEPEST = 50;
const TYPE = (ATTRIBUTE['value.type'] - ATTRIBUTE.key) >> 2;
const LEN = (ATTRIBUTE['value.len'] - ATTRIBUTE.key) >> 2;
const BITS = (ATTRIBUTE['value.bits'] - ATTRIBUTE.key) >> 2;

type Fields = { readonly [key: string]: unknown };

/**
 * Writes attributes of the types that the SDK's own encoder knows, each time anew, because programs may change what they
 * have handed to the SDK. Keys and values that the last set had in the same place need not be looked up.
 */
export class AttributeWriter {
  /** Where the last set is. */
  off = 0;

  private readonly lastKeys: string[] = [];
  private readonly lastKeyTexts: number[] = [];
  private readonly lastValues: string[] = [];
  private readonly lastValueTexts: number[] = [];

  constructor(private readonly memory: Memory) {}

  /** What was looked up in the last cycle may have moved. */
  begin(): void {
    this.lastKeys.length = this.lastKeyTexts.length = 0;
    this.lastValues.length = this.lastValueTexts.length = 0;
  }

  /** Returns their number. */
  write(attributes: object): number {
    const keys = Object.keys(attributes);
    const off = this.memory.reserve(keys.length * ATTRIBUTE.size);
    this.off = off;
    for (let i = 0, at = off >> 2; i < keys.length; ++i, at += ATTRIBUTE.size >> 2) {
      const key = keys[i] as string;
      const value = (attributes as Fields)[key];
      if (typeof value === 'string') {
        this.text(at, i, key, value);
      } else if (typeof value !== 'object' || value === null) {
        this.key(at, this.keyText(i, key));
        this.scalar(at + TYPE, value);
      } else {
        this.off = this.fields(attributes as Fields, keys, 0);
        break;
      }
    }
    return keys.length;
  }

  private text(at: number, i: number, key: string, value: string): void {
    const keyText = this.keyText(i, key);
    let text: number;
    if (this.lastValues[i] === value) {
      text = this.lastValueTexts[i] as number;
    } else {
      text = this.memory.text(value);
      this.lastValues[i] = value;
      this.lastValueTexts[i] = text;
    }
    const { u32 } = this.memory;
    u32[at] = keyText;
    u32[at + 1] = u32[(keyText >> 2) - 1] as number;
    u32[at + TYPE] = STRING;
    u32[at + LEN] = u32[(text >> 2) - 1] as number;
    u32[at + BITS] = text;
    u32[at + BITS + 1] = 0;
  }

  private keyText(i: number, key: string): number {
    if (this.lastKeys[i] === key) return this.lastKeyTexts[i] as number;
    const text = this.memory.text(key);
    this.lastKeys[i] = key;
    this.lastKeyTexts[i] = text;
    // Values are compared as far as there were keys, so that no list has holes.
    if (i >= this.lastValues.length) {
      this.lastValues[i] = key;
      this.lastValueTexts[i] = text;
    }
    return text;
  }

  private key(at: number, text: number): void {
    const { u32 } = this.memory;
    u32[at] = text;
    u32[at + 1] = u32[(text >> 2) - 1] as number;
  }

  /** Any value but an object, at a word. */
  private scalar(at: number, value: unknown): void {
    let type = EMPTY;
    let len = 0;
    let low = 0;
    let high = 0;
    if (typeof value === 'string') {
      low = this.memory.text(value);
      type = STRING;
      len = this.memory.u32[(low >> 2) - 1] as number;
    } else if (typeof value === 'boolean') {
      type = BOOL;
      low = value ? 1 : 0;
    } else if (typeof value === 'number') {
      if (Number.isInteger(value) && value >= -TWO_TO_63 && value < TWO_TO_63) {
        type = INT;
        low = value;
        high = Math.floor(value / TWO_TO_32);
      } else {
        type = DOUBLE;
        this.memory.f64[(at + (VALUE.bits >> 2)) >> 1] = value;
      }
    }
    const { u32 } = this.memory;
    u32[at] = type;
    u32[at + (VALUE.len >> 2)] = len;
    if (type !== DOUBLE) {
      u32[at + (VALUE.bits >> 2)] = low;
      u32[at + (VALUE.bits >> 2) + 1] = high;
    }
  }

  /** A set or key-value list. Elements have to be below what contains them, so those go first. */
  private fields(fields: Fields, keys: string[], depth: number): number {
    const elements = keys.map((key) => this.elements(fields[key], depth));
    const off = this.memory.reserve(keys.length * ATTRIBUTE.size);
    for (let i = 0, at = off >> 2; i < keys.length; ++i, at += ATTRIBUTE.size >> 2) {
      const key = keys[i] as string;
      this.key(at, this.memory.text(key));
      this.value(at + TYPE, fields[key], elements[i]);
    }
    return off;
  }

  private value(at: number, value: unknown, elements: Elements | undefined): void {
    if (elements === undefined) {
      this.scalar(at, typeof value === 'object' ? undefined : value);
      return;
    }
    const { u32 } = this.memory;
    u32[at] = elements.type;
    u32[at + (VALUE.len >> 2)] = elements.length;
    u32[at + (VALUE.bits >> 2)] = elements.off;
    u32[at + (VALUE.bits >> 2) + 1] = 0;
  }

  /** Writes what a value refers to. */
  private elements(value: unknown, depth: number): Elements | undefined {
    if (typeof value !== 'object' || value === null || depth > DEEPEST) return undefined;
    if (value instanceof Uint8Array) return { type: BYTES, length: value.length, off: this.memory.bytes(value) };
    if (!Array.isArray(value)) {
      const keys = Object.keys(value);
      return { type: KVLIST, length: keys.length, off: this.fields(value as Fields, keys, depth + 1) };
    }
    // An array may have holes, which map() leaves out.
    const elements = Array.from(value, (element) => this.elements(element, depth + 1));
    const off = this.memory.reserve(value.length * VALUE.size);
    for (let i = 0; i < value.length; ++i) this.value((off + i * VALUE.size) >> 2, value[i], elements[i]);
    return { type: ARRAY, length: value.length, off };
  }
}

interface Elements {
  readonly type: number;
  readonly length: number;
  readonly off: number;
}
