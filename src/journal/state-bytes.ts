import { EngineError } from "../model/errors.ts";
import type { StateCarrier } from "../model/state-carrier.ts";
import { damaged, PackedReader, PackedWriter } from "./packed.ts";

/** A core, as far as carrying goes. */
export interface Carried {
  carry(state: StateCarrier): void;
}

/** The state of a core as bytes. `into` is appended to, when given. */
export function saveState(core: Carried, into = new PackedWriter()): PackedWriter {
  core.carry(new StateWriter(into));
  return into;
}

/**
 * Gives a core of the same configuration the state that was saved.
 *
 * @throws EngineError STATE_UNUSABLE when the bytes are damaged, RangeError when they are the state of another
 *   layout; the core is half restored then and of no use
 */
export function restoreState(core: Carried, bytes: Uint8Array | PackedReader): void {
  const reader = bytes instanceof PackedReader ? bytes : new PackedReader(bytes);
  core.carry(new StateReader(reader));
  if (!reader.isAtEnd) throw damaged("something follows its end");
}

/** Every part needs some, one after the other. */
let room = new Float64Array(4096);

function roomFor(length: number): Float64Array {
  if (room.length < length) room = new Float64Array(length);
  return room.subarray(0, length);
}

class StateWriter implements StateCarrier {
  private readonly out: PackedWriter;

  constructor(out: PackedWriter) {
    this.out = out;
  }

  number(value: number): number {
    this.out.number(value);
    return value;
  }

  optional(value: number | null): number | null {
    this.out.byte(value === null ? 0 : 1);
    if (value !== null) this.out.number(value);
    return value;
  }

  flag(value: boolean): boolean {
    this.out.byte(value ? 1 : 0);
    return value;
  }

  text(value: string): string {
    this.out.text(value);
    return value;
  }

  record<T>(value: T): T {
    this.out.text(JSON.stringify(value));
    return value;
  }

  numbers(row: Float64Array): void {
    this.out.numbers(row);
  }

  room(length: number): Float64Array {
    return roomFor(length);
  }

  part(carry: (state: StateCarrier) => void): boolean {
    const inner = new PackedWriter();
    carry(new StateWriter(inner));
    this.out.blob(inner.bytes());
    return true;
  }
}

class StateReader implements StateCarrier {
  private readonly from: PackedReader;

  constructor(from: PackedReader) {
    this.from = from;
  }

  number(_value: number): number {
    return this.from.number();
  }

  optional(_value: number | null): number | null {
    return this.flag(false) ? this.from.number() : null;
  }

  flag(_value: boolean): boolean {
    const byte = this.from.byte();
    if (byte > 1) throw damaged("a flag is neither true nor false");
    return byte === 1;
  }

  text(_value: string): string {
    return this.from.text();
  }

  record<T>(_value: T): T {
    const text = this.from.text();
    try {
      return JSON.parse(text) as T;
    } catch {
      throw damaged("a record is not JSON");
    }
  }

  numbers(row: Float64Array): void {
    this.from.numbers(row);
  }

  room(length: number): Float64Array {
    return roomFor(length);
  }

  part(carry: (state: StateCarrier) => void): boolean {
    const inner = this.from.inner();
    try {
      carry(new StateReader(inner));
    } catch (error) {
      if (error instanceof RangeError || error instanceof EngineError) return false;
      throw error;
    }
    return inner.isAtEnd;
  }
}
