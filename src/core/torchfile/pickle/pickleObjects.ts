/**
 * What a pickle's opcodes make of values: contents and states are put into them, and where Python would import, call or
 * construct, it is written down instead.
 */
import { canonicalName, classifyGlobal, type GlobalKind } from './globals';
import type { PickleInput } from './pickleInput';
import { PickleFormatError, type PickleAct, type PickleError, type PickleInterpreter } from './pickleTypes';
import { Global, isHashable, Opaque, PyDict, PySet, Tensor, Tuple, type PyValue } from './values';

/** Calls that are forwarded by calls that are forwarded. */
const MAX_FORWARDED = 20;

export class PickleObjects {
  private readonly noted = new Map<string, PickleAct>();
  /** The first thing that torch would refuse but that leaves the machine able to go on and see what else is there. */
  refused: PickleError | null = null;

  /** `input` knows where each opcode is. */
  constructor(
    private readonly input: PickleInput,
    private readonly interpreter: PickleInterpreter,
  ) {}

  /** What Python would have done, in order; the same thing only once. */
  get acts(): PickleAct[] {
    return [...this.noted.values()];
  }

  // --- contents and state --------------------------------------------------------------------------------------------

  /** APPENDS and its like. */
  extend(items: readonly PyValue[], target: PyValue): void {
    if (Array.isArray(target)) for (const item of items) target.push(item);
    else if (target instanceof PySet) {
      if (!items.every((item) => isHashable(item))) throw new PickleFormatError('a list, a dict or a set in a set');
      for (const item of items) target.items.push(item);
    } else if (target instanceof Opaque) for (const item of items) target.contents.push(item);
    else if (target instanceof Global) this.tamper(target);
    else throw new PickleFormatError('it appends to something that is not a list');
  }

  /** `pairs`: key, value, key, value, … */
  setItems(pairs: readonly PyValue[], target: PyValue): void {
    if (pairs.length % 2 !== 0) throw new PickleFormatError('an odd number of keys and values');
    if (target instanceof PyDict) {
      for (let i = 0; i < pairs.length; i += 2) {
        const key = pairs[i] as PyValue;
        if (!isHashable(key)) throw new PickleFormatError('a key that is a list, a dict or a set');
        target.set(key, pairs[i + 1] as PyValue);
      }
    } else if (target instanceof Opaque) for (const item of pairs) target.contents.push(item);
    else if (target instanceof Global) this.tamper(target);
    else throw new PickleFormatError('it sets items of something that is not a dict');
  }

  /** BUILD. */
  setState(state: PyValue, target: PyValue): void {
    if (target instanceof Global) {
      this.tamper(target);
      return;
    }
    if (!(target instanceof Opaque)) return; // attributes of an OrderedDict or a tensor: nothing that we would show
    target.state = state;
    const cls = target.callable;
    if (cls instanceof Global && cls.kind !== 'safe') this.note('setstate', cls.qualified, cls, 'unknown');
  }

  /** State put into an imported thing itself changes the program that loads it: classes, functions, modules. */
  private tamper(target: Global): void {
    this.note('setstate', `${target.qualified} itself`, target, 'dangerous');
  }

  // --- what Python would do ------------------------------------------------------------------------------------------

  private note(
    what: PickleAct['what'],
    target: string,
    of: { readonly module: string; readonly name: string } | null,
    kind: GlobalKind,
  ): void {
    const key = `${what} ${target}`;
    // A pickle may import a million names; a report that is never read to its end helps nobody.
    if (this.noted.has(key) || (this.noted.size >= 10_000 && kind !== 'dangerous') || this.noted.size >= 20_000) return;
    this.noted.set(key, {
      what,
      target: target.slice(0, 300),
      module: (of?.module ?? '').slice(0, 300),
      name: (of?.name ?? '').slice(0, 300),
      kind,
      position: this.input.opcodeAt,
    });
  }

  import(writtenModule: string, writtenName: string): Global {
    const { module, name } = canonicalName(writtenModule, writtenName);
    const kind = classifyGlobal(module, name);
    const global = new Global(module, name, kind);
    this.note('import', global.qualified, global, kind);
    return global;
  }

  /** An import whose names come from the stack. */
  importComputed(module: PyValue, name: PyValue): Global {
    if (typeof module === 'string' && typeof name === 'string') return this.import(module, name);
    if (module instanceof Opaque || name instanceof Opaque) {
      this.note('computed-name', 'a name that is computed while loading', null, 'dangerous');
      return new Global('?', '?', 'dangerous');
    }
    throw new PickleFormatError('an import whose name is not a string');
  }

  call(callable: PyValue, args: PyValue, what: 'call' | 'new', depth = 0): PyValue {
    if (!(callable instanceof Global)) {
      // Nothing ordinary calls what it has just built: this is how harmless parts are joined into something else.
      this.note('call', 'an object that the pickle itself built', null, 'dangerous');
      return new Opaque(callable, args);
    }
    if (callable.kind === 'safe') {
      if (!(args instanceof Tuple))
        throw new PickleFormatError(`arguments of ${callable.qualified} that are not a tuple`);
      if (depth > MAX_FORWARDED) throw new PickleFormatError('calls that go on and on', 'limit');
      const items = args.items;
      const made = this.interpret(() => this.interpreter.construct(callable, items));
      if (made !== undefined) return made;
      const inner = forwardedCall(callable, items);
      const forwarded = inner ? this.call(inner.callable, inner.args, inner.what, depth + 1) : null;
      if (forwarded instanceof Tensor) return forwarded;
    } else {
      this.note(what, callable.qualified, callable, callable.kind);
    }
    return new Opaque(callable, args);
  }

  persistent(id: PyValue): PyValue {
    return this.interpret(() => this.interpreter.persistent(id)) ?? new Opaque(null, id);
  }

  /** An interpreter's refusal is remembered, not thrown: what comes after it must be seen too. */
  private interpret(work: () => PyValue | undefined): PyValue | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof PickleFormatError)) throw error;
      this.refused ??= { code: error.code, message: error.message, position: this.input.opcodeAt };
      return undefined;
    }
  }

  /** EXT1, EXT2, EXT4. */
  extension(code: number): never {
    this.note('extension', `extension code ${code}`, null, 'unknown');
    throw new PickleFormatError(`extension code ${code}, which is registered nowhere`);
  }
}

/** Safe functions that call one of their own arguments: the call counts as the pickle's. */
function forwardedCall(
  callable: Global,
  args: readonly PyValue[],
): { callable: PyValue; args: PyValue; what: 'call' | 'new' } | null {
  const [first = null, second = null, third = null] = args;
  if (callable.name === '_rebuild_from_type_v2' || callable.name === '_rebuild_from_type')
    return { callable: first, args: third, what: 'call' };
  if (callable.name === '_reconstructor') return { callable: first, args: new Tuple([]), what: 'new' };
  if (callable.name === '__newobj__' || callable.name === '__newobj_ex__') {
    return { callable: first, args: new Tuple(args.slice(1)), what: 'new' };
  }
  if (callable.name === 'defaultdict' && first !== null) return { callable: first, args: new Tuple([]), what: 'call' };
  if (callable.name === '_mareconstruct' || callable.name === '_reconstruct')
    return { callable: first, args: new Tuple([]), what: 'new' };
  if (callable.name === '__generator_ctor' || callable.name === '__randomstate_ctor')
    return second === null ? null : { callable: second, args: new Tuple([first]), what: 'call' };
  if (callable.name === '__bit_generator_ctor')
    return first instanceof Global ? { callable: first, args: new Tuple([]), what: 'call' } : null;
  if (callable.name === '_rebuild_wrapper_subclass') return { callable: first, args: new Tuple([]), what: 'new' };
  return null;
}
