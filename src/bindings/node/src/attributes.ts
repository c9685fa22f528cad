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

/** A set of more attributes is written in another way. */
const MANY = 128;

/**
 * Writes attributes of the types that the SDK's own encoder knows, each time anew, because programs may change what they
 * have handed to the SDK. Keys and values that the last set had in the same place need not be looked up.
 */
export class AttributeWriter {
  /** Where the last set is. */
  off = 0;

  private readonly keys: unknown[] = new Array(MANY).fill(undefined);
  private readonly keyTexts = new Int32Array(MANY);
  private readonly values: unknown[] = new Array(MANY).fill(undefined);
  private readonly valueTexts = new Int32Array(MANY);

  constructor(private readonly memory: Memory) {}

  /** What was looked up in the last cycle may have moved. */
  begin(): void {
    this.keys.fill(undefined);
    this.values.fill(undefined);
  }

  /** Returns their number. */
  write(attributes: object): number {
    const { memory, keys, keyTexts, values, valueTexts } = this;
    memory.require(MANY * ATTRIBUTE.size);
    const u32 = memory.u32;
    const off = memory.used;
    let at = off >> 2;
    let i = 0;
    for (const key in attributes) {
      if (!Object.hasOwn(attributes, key)) continue;
      const value = (attributes as Fields)[key];
      if (i === MANY || (typeof value === 'object' && value !== null)) return this.writeAny(attributes as Fields);
      let text = keyTexts[i] as number;
      if (keys[i] !== key) {
        text = memory.text(key);
        keys[i] = key;
        keyTexts[i] = text;
      }
      u32[at] = text;
      u32[at + 1] = u32[(text >> 2) - 1] as number;
      if (typeof value === 'string') {
        text = valueTexts[i] as number;
        if (values[i] !== value) {
          text = memory.text(value);
          values[i] = value;
          valueTexts[i] = text;
        }
        u32[at + TYPE] = STRING;
        u32[at + LEN] = u32[(text >> 2) - 1] as number;
        u32[at + BITS] = text;
        u32[at + BITS + 1] = 0;
      } else {
        this.scalar(at + TYPE, value);
      }
      at += ATTRIBUTE.size >> 2;
      ++i;
    }
    memory.used = at << 2;
    this.off = off;
    return i;
  }

  private writeAny(attributes: Fields): number {
    const keys = Object.keys(attributes);
    this.off = this.fields(attributes, keys, 0);
    return keys.length;
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
      const text = this.memory.text(key);
      this.memory.u32[at] = text;
      this.memory.u32[at + 1] = this.memory.u32[(text >> 2) - 1] as number;
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
