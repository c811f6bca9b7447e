/**
 * The pickle machine, inert: it reads every opcode of protocols 0 to 5 (Lib/pickletools.py is the specification) and
 * builds data, but where Python would import, call or construct, it only writes down what would have happened.
 * A pickle that breaks off in the middle has already run everything before the break when Python loads it, so what
 * was written down is kept together with the error.
 */
import { Global, Opaque, PyDict, PySet, Tensor, Tuple, type PyValue } from './values';
import { classifyGlobal, type GlobalKind } from './globals';
import { floatText, integerText, latin1, narrow, quotedText, rawUnicode, utf8 } from './pickleText';
import {
  DEFAULT_LIMITS,
  PickleFormatError,
  type PickleAct,
  type PickleError,
  type PickleInterpreter,
  type PickleLimits,
  type PickleResult,
} from './pickleTypes';

/** Reads one pickle that starts at `start`. Never throws for bad content. */
export function readPickle(
  data: Uint8Array,
  interpreter: PickleInterpreter,
  start = 0,
  limits: PickleLimits = DEFAULT_LIMITS,
): PickleResult {
  return new Machine(data, start, interpreter, limits).run();
}

class Machine {
  private position: number;
  private opcodeAt: number;
  private stack: PyValue[] = [];
  /** Stacks set aside by MARK. */
  private readonly marks: PyValue[][] = [];
  private readonly memo = new Map<number, PyValue>();
  private readonly acts = new Map<string, PickleAct>();
  private readonly view: DataView;
  private copied = 0;
  private protocol = 0;
  private stackTotal = 0;
  /** The first thing that torch would refuse but that leaves the machine able to go on and see what else is there. */
  private refused: PickleError | null = null;

  constructor(
    private readonly data: Uint8Array,
    start: number,
    private readonly interpreter: PickleInterpreter,
    private readonly limits: PickleLimits,
  ) {
    this.position = start;
    this.opcodeAt = start;
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  run(): PickleResult {
    let value: PyValue = null;
    let error: PickleError | null = null;
    try {
      for (let count = 0; ; count++) {
        if (count >= this.limits.opcodes)
          throw new PickleFormatError(`more than ${this.limits.opcodes} opcodes`, 'limit');
        this.opcodeAt = this.position;
        const opcode = this.byte();
        if (opcode === 0x2e) {
          value = this.pop();
          break;
        }
        this.step(opcode);
      }
    } catch (caught) {
      if (!(caught instanceof PickleFormatError)) throw caught;
      error = { code: caught.code, message: caught.message, position: this.opcodeAt };
    }
    const first = this.refused ?? error;
    return {
      value: first ? null : value,
      error: first,
      acts: [...this.acts.values()],
      end: error ? this.opcodeAt : this.position,
      protocol: this.protocol,
    };
  }

  private step(opcode: number): void {
    switch (opcode) {
      case 0x28: // MARK
        if (this.marks.length >= this.limits.depth)
          throw new PickleFormatError(`more than ${this.limits.depth} nested marks`, 'limit');
        this.marks.push(this.stack);
        this.stack = [];
        return;
      case 0x30: // POP
        if (this.stack.length > 0) this.pop();
        else this.popMark();
        return;
      case 0x31: // POP_MARK
        this.popMark();
        return;
      case 0x32: // DUP
        this.push(this.top());
        return;
      case 0x4e: // NONE
        this.push(null);
        return;
      case 0x88: // NEWTRUE
        this.push(true);
        return;
      case 0x89: // NEWFALSE
        this.push(false);
        return;
      case 0x49: // INT
        this.push(integerText(this.digits(), true));
        return;
      case 0x4c: // LONG
        this.push(integerText(this.digits(), false));
        return;
      case 0x4a: // BININT
        this.push(this.view.getInt32(this.take(4), true));
        return;
      case 0x4b: // BININT1
        this.push(this.byte());
        return;
      case 0x4d: // BININT2
        this.push(this.view.getUint16(this.take(2), true));
        return;
      case 0x8a: // LONG1
        this.push(this.longInteger(this.byte()));
        return;
      case 0x8b: // LONG4
        this.push(this.longInteger(this.length4(true)));
        return;
      case 0x46: // FLOAT
        this.push(floatText(this.line()));
        return;
      case 0x47: // BINFLOAT
        this.push(this.view.getFloat64(this.take(8), false));
        return;
      case 0x53: // STRING
        this.push(quotedText(this.line()));
        return;
      case 0x54: // BINSTRING
        this.push(this.text(this.length4(true), latin1));
        return;
      case 0x55: // SHORT_BINSTRING
        this.push(this.text(this.byte(), latin1));
        return;
      case 0x56: // UNICODE
        this.push(rawUnicode(this.line()));
        return;
      case 0x58: // BINUNICODE
        this.push(this.text(this.length4(false), utf8));
        return;
      case 0x8c: // SHORT_BINUNICODE
        this.push(this.text(this.byte(), utf8));
        return;
      case 0x8d: // BINUNICODE8
        this.push(this.text(this.length8(), utf8));
        return;
      case 0x42: // BINBYTES
        this.push(this.bytes(this.length4(false)));
        return;
      case 0x43: // SHORT_BINBYTES
        this.push(this.bytes(this.byte()));
        return;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        this.push(this.bytes(this.length8()));
        return;
      case 0x5d: // EMPTY_LIST
        this.push([]);
        return;
      case 0x6c: // LIST
        this.push(this.popMark());
        return;
      case 0x29: // EMPTY_TUPLE
        this.push(new Tuple([]));
        return;
      case 0x74: // TUPLE
        this.push(new Tuple(this.popMark()));
        return;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        this.push(new Tuple(this.popMany(opcode - 0x84)));
        return;
      case 0x7d: // EMPTY_DICT
        this.push(new PyDict());
        return;
      case 0x64: {
        // DICT
        const dict = new PyDict();
        this.setItems(dict, this.popMark());
        this.push(dict);
        return;
      }
      case 0x8f: // EMPTY_SET
        this.push(new PySet());
        return;
      case 0x91: {
        // FROZENSET
        const set = new PySet();
        set.items.push(...this.popMarkChecked());
        this.push(set);
        return;
      }
      case 0x90: {
        // ADDITEMS
        const items = this.popMark();
        this.extend(this.top(), items);
        return;
      }
      case 0x61: {
        // APPEND
        const item = this.pop();
        this.extend(this.top(), [item]);
        return;
      }
      case 0x65: {
        // APPENDS
        const items = this.popMark();
        this.extend(this.top(), items);
        return;
      }
      case 0x73: {
        // SETITEM
        const pair = this.popMany(2);
        this.setItems(this.top(), pair);
        return;
      }
      case 0x75: {
        // SETITEMS
        const pairs = this.popMark();
        this.setItems(this.top(), pairs);
        return;
      }
      case 0x67: // GET
        this.push(this.recall(this.indexLine()));
        return;
      case 0x68: // BINGET
        this.push(this.recall(this.byte()));
        return;
      case 0x6a: // LONG_BINGET
        this.push(this.recall(this.length4(false)));
        return;
      case 0x70: // PUT
        this.remember(this.indexLine());
        return;
      case 0x71: // BINPUT
        this.remember(this.byte());
        return;
      case 0x72: // LONG_BINPUT
        this.remember(this.length4(false));
        return;
      case 0x94: // MEMOIZE
        this.remember(this.memo.size);
        return;
      case 0x80: {
        // PROTO
        const protocol = this.byte();
        if (protocol > 5) throw new PickleFormatError(`pickle protocol ${protocol} does not exist`);
        this.protocol = Math.max(this.protocol, protocol);
        return;
      }
      case 0x95: {
        // FRAME
        const length = this.length8();
        if (length > this.data.length - this.position)
          throw new PickleFormatError('a frame is longer than the pickle', 'truncated');
        return;
      }
      case 0x63: // GLOBAL
        this.push(this.import(utf8(this.line()), utf8(this.line())));
        return;
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.popMany(2);
        this.push(this.importComputed(module, name));
        return;
      }
      case 0x52: {
        // REDUCE
        const [callable, args] = this.popMany(2);
        this.push(this.call(callable ?? null, args ?? null, 'call'));
        return;
      }
      case 0x81: {
        // NEWOBJ
        const [cls, args] = this.popMany(2);
        this.push(this.call(cls ?? null, args ?? null, 'new'));
        return;
      }
      case 0x92: {
        // NEWOBJ_EX
        const [cls, args, keywords] = this.popMany(3);
        const made = this.call(cls ?? null, args ?? null, 'new');
        if (made instanceof Opaque && keywords !== undefined) made.contents.push(keywords);
        this.push(made);
        return;
      }
      case 0x69: {
        // INST: names on two lines, arguments since the mark
        const callable = this.import(utf8(this.line()), utf8(this.line()));
        this.push(this.call(callable, new Tuple(this.popMark()), 'call'));
        return;
      }
      case 0x6f: {
        // OBJ: class, then arguments, since the mark
        const [callable, ...args] = this.popMarkChecked();
        if (callable === undefined) throw new PickleFormatError('OBJ without a class');
        this.push(this.call(callable, new Tuple(args), 'call'));
        return;
      }
      case 0x62: {
        // BUILD
        const state = this.pop();
        this.build(this.top(), state);
        return;
      }
      case 0x50: // PERSID
        this.persistent(latin1(this.line()));
        return;
      case 0x51: // BINPERSID
        this.persistent(this.pop());
        return;
      case 0x82: // EXT1
        this.extension(this.byte());
        return;
      case 0x83: // EXT2
        this.extension(this.view.getUint16(this.take(2), true));
        return;
      case 0x84: // EXT4
        this.extension(this.view.getInt32(this.take(4), true));
        return;
      case 0x97: // NEXT_BUFFER
        throw new PickleFormatError('it wants out-of-band buffers, which no file has');
      case 0x98: // READONLY_BUFFER
        this.top();
        return;
      default:
        throw new PickleFormatError(`0x${opcode.toString(16).padStart(2, '0')} is not a pickle opcode`);
    }
  }

  // --- input -------------------------------------------------------------------------------------------------------

  private take(count: number): number {
    const at = this.position;
    if (count > this.data.length - at) throw new PickleFormatError('the pickle ends too early', 'truncated');
    this.position = at + count;
    return at;
  }

  private byte(): number {
    return this.data[this.take(1)] ?? 0;
  }

  private length4(signed: boolean): number {
    const at = this.take(4);
    const length = signed ? this.view.getInt32(at, true) : this.view.getUint32(at, true);
    if (length < 0) throw new PickleFormatError('a negative length');
    return length;
  }

  private length8(): number {
    const length = this.view.getBigUint64(this.take(8), true);
    if (length > BigInt(this.data.length))
      throw new PickleFormatError('a string is longer than the pickle', 'truncated');
    return Number(length);
  }

  private copy(count: number): number {
    const at = this.take(count);
    this.copied += count;
    if (this.copied > this.limits.copied)
      throw new PickleFormatError(`more than ${this.limits.copied} bytes of strings`, 'limit');
    return at;
  }

  private bytes(count: number): Uint8Array {
    const at = this.copy(count);
    const bytes = this.data.subarray(at, at + count);
    this.interpreter.byteString(bytes);
    return bytes;
  }

  private text(count: number, decode: (bytes: Uint8Array) => string): string {
    const at = this.copy(count);
    return decode(this.data.subarray(at, at + count));
  }

  private line(): Uint8Array {
    const end = this.data.indexOf(0x0a, this.position);
    if (end < 0) throw new PickleFormatError('the pickle ends too early', 'truncated');
    const at = this.copy(end - this.position + 1);
    return this.data.subarray(at, end);
  }

  private indexLine(): number {
    const text = latin1(this.line());
    if (!/^\d{1,15}$/.test(text)) throw new PickleFormatError('a memo index that is not a number');
    return Number(text);
  }

  private digits(): Uint8Array {
    const bytes = this.line();
    if (bytes.length > this.limits.integerBytes) throw new PickleFormatError('an integer of absurd length', 'limit');
    return bytes;
  }

  private longInteger(count: number): PyValue {
    if (count > this.limits.integerBytes) throw new PickleFormatError('an integer of absurd length', 'limit');
    const at = this.copy(count);
    if (count === 0) return 0;
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.data[at + i] ?? 0);
    return narrow(BigInt.asIntN(count * 8, value));
  }

  // --- stack and memo ----------------------------------------------------------------------------------------------

  private push(value: PyValue): void {
    if (++this.stackTotal > this.limits.stack)
      throw new PickleFormatError(`more than ${this.limits.stack} values on the stack`, 'limit');
    this.stack.push(value);
  }

  private pop(): PyValue {
    const value = this.stack.pop();
    if (value === undefined) throw new PickleFormatError('it takes from an empty stack');
    this.stackTotal--;
    return value;
  }

  private top(): PyValue {
    const value = this.stack[this.stack.length - 1];
    if (value === undefined) throw new PickleFormatError('it takes from an empty stack');
    return value;
  }

  private popMany(count: number): PyValue[] {
    if (this.stack.length < count) throw new PickleFormatError('it takes from an empty stack');
    this.stackTotal -= count;
    return this.stack.splice(this.stack.length - count, count);
  }

  private popMark(): PyValue[] {
    const below = this.marks.pop();
    if (!below) throw new PickleFormatError('a mark that was never set');
    const items = this.stack;
    this.stack = below;
    this.stackTotal -= items.length;
    return items;
  }

  /** Like popMark, for items that will be spread into arguments: JavaScript's own call stack bounds those. */
  private popMarkChecked(): PyValue[] {
    const items = this.popMark();
    if (items.length > 50_000) throw new PickleFormatError('a call or set of absurd length', 'limit');
    return items;
  }

  private remember(index: number): void {
    if (this.memo.size >= this.limits.memo && !this.memo.has(index)) {
      throw new PickleFormatError(`more than ${this.limits.memo} memo entries`, 'limit');
    }
    this.memo.set(index, this.top());
  }

  private recall(index: number): PyValue {
    const value = this.memo.get(index);
    if (value === undefined) throw new PickleFormatError(`memo entry ${index} was never stored`);
    return value;
  }

  // --- building ----------------------------------------------------------------------------------------------------

  private extend(target: PyValue, items: readonly PyValue[]): void {
    if (Array.isArray(target)) for (const item of items) target.push(item);
    else if (target instanceof PySet) for (const item of items) target.items.push(item);
    else if (target instanceof Opaque) for (const item of items) target.contents.push(item);
    else if (target instanceof Global) this.tamper(target);
    else throw new PickleFormatError('it appends to something that is not a list');
  }

  private setItems(target: PyValue, pairs: readonly PyValue[]): void {
    if (pairs.length % 2 !== 0) throw new PickleFormatError('an odd number of keys and values');
    if (target instanceof PyDict) {
      for (let i = 0; i < pairs.length; i += 2) target.set(pairs[i] as PyValue, pairs[i + 1] as PyValue);
    } else if (target instanceof Opaque) for (const item of pairs) target.contents.push(item);
    else if (target instanceof Global) this.tamper(target);
    else throw new PickleFormatError('it sets items of something that is not a dict');
  }

  private build(target: PyValue, state: PyValue): void {
    if (target instanceof Global) {
      this.tamper(target);
      return;
    }
    if (!(target instanceof Opaque)) return; // attributes of an OrderedDict or a tensor: nothing that we would show
    target.state = state;
    const cls = target.callable;
    if (cls instanceof Global && cls.kind !== 'safe') this.note('setstate', cls.qualified, cls.module, 'unknown');
  }

  /** State put into an imported thing itself changes the program that loads it: classes, functions, modules. */
  private tamper(target: Global): void {
    this.note('setstate', `${target.qualified} itself`, target.module, 'dangerous');
  }

  // --- what Python would do ----------------------------------------------------------------------------------------

  private note(what: PickleAct['what'], target: string, module: string, kind: GlobalKind): void {
    const key = `${what} ${target}`;
    // A pickle may import a million names; a report that is never read to its end helps nobody.
    if (this.acts.has(key) || (this.acts.size >= 10_000 && kind !== 'dangerous') || this.acts.size >= 20_000) return;
    this.acts.set(key, {
      what,
      target: target.slice(0, 300),
      module: module.slice(0, 300),
      kind,
      position: this.opcodeAt,
    });
  }

  private import(module: string, name: string): Global {
    const kind = classifyGlobal(module, name);
    const global = new Global(module, name, kind);
    this.note('import', global.qualified, module, kind);
    return global;
  }

  private importComputed(module: PyValue | undefined, name: PyValue | undefined): Global {
    if (typeof module === 'string' && typeof name === 'string') return this.import(module, name);
    if (module instanceof Opaque || name instanceof Opaque) {
      this.note('computed-name', 'a name that is computed while loading', '', 'dangerous');
      return new Global('?', '?', 'dangerous');
    }
    throw new PickleFormatError('an import whose name is not a string');
  }

  private call(callable: PyValue, args: PyValue, what: 'call' | 'new'): PyValue {
    if (!(callable instanceof Global)) {
      // Nothing ordinary calls what it has just built: this is how harmless parts are joined into something else.
      this.note('call', 'an object that the pickle itself built', '', 'dangerous');
      return new Opaque(callable, args);
    }
    if (callable.kind === 'safe') {
      if (!(args instanceof Tuple))
        throw new PickleFormatError(`arguments of ${callable.qualified} that are not a tuple`);
      const items = args.items;
      const made = this.interpret(() => this.interpreter.construct(callable, items));
      if (made !== undefined) return made;
      const inner = forwardedCall(callable, items);
      const forwarded = inner ? this.call(inner.callable, inner.args, inner.what) : null;
      if (forwarded instanceof Tensor) return forwarded;
    } else {
      this.note(what, callable.qualified, callable.module, callable.kind);
    }
    return new Opaque(callable, args);
  }

  private persistent(id: PyValue): void {
    this.push(this.interpret(() => this.interpreter.persistent(id)) ?? new Opaque(null, id));
  }

  /** An interpreter's refusal is remembered, not thrown: what comes after it must be seen too. */
  private interpret(work: () => PyValue | undefined): PyValue | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof PickleFormatError)) throw error;
      this.refused ??= { code: error.code, message: error.message, position: this.opcodeAt };
      return undefined;
    }
  }

  private extension(code: number): void {
    this.note('extension', `extension code ${code}`, '', 'unknown');
    throw new PickleFormatError(`extension code ${code}, which is registered nowhere`);
  }
}

/** Safe functions that call one of their own arguments: the call counts as the pickle's. */
function forwardedCall(
  callable: Global,
  args: readonly PyValue[],
): { callable: PyValue; args: PyValue; what: 'call' | 'new' } | null {
  const [first = null, second = null, third = null] = args;
  if (callable.name === '_rebuild_from_type_v2') return { callable: first, args: third, what: 'call' };
  if (callable.name === '_reconstructor') return { callable: first, args: new Tuple([]), what: 'new' };
  if (callable.name === '__newobj__' || callable.name === '__newobj_ex__') {
    return { callable: first, args: new Tuple(args.slice(1)), what: 'new' };
  }
  if (callable.name === 'defaultdict' && first !== null) return { callable: first, args: new Tuple([]), what: 'call' };
  if (callable.name === '_rebuild_wrapper_subclass') return { callable: first, args: second, what: 'new' };
  return null;
}
