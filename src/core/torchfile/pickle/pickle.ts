/**
 * The pickle machine, inert: it reads every opcode of protocols 0 to 5 (Lib/pickletools.py is the specification) and
 * builds data, but where Python would import, call or construct, it only writes down what would have happened.
 * A pickle that breaks off in the middle has already run everything before the break when Python loads it, so what
 * was written down is kept together with the error.
 */
import { PickleInput } from './pickleInput';
import { PickleObjects } from './pickleObjects';
import { PickleStack } from './pickleStack';
import { floatText, integerText, latin1, quotedText, rawUnicode, utf8 } from './pickleText';
import {
  DEFAULT_LIMITS,
  PickleFormatError,
  type PickleError,
  type PickleInterpreter,
  type PickleLimits,
  type PickleResult,
} from './pickleTypes';
import { Opaque, PyDict, PySet, Tuple, type PyValue } from './values';

/** Reads one pickle that starts at `start`. Never throws for bad content. */
export function readPickle(
  data: Uint8Array,
  interpreter: PickleInterpreter,
  start = 0,
  limits: PickleLimits = DEFAULT_LIMITS,
): PickleResult {
  return new Machine(data, start, interpreter, limits).run();
}

const STOP = 0x2e;

class Machine {
  private readonly input: PickleInput;
  private readonly stack: PickleStack;
  private readonly objects: PickleObjects;
  private protocol = 0;

  constructor(
    data: Uint8Array,
    start: number,
    private readonly interpreter: PickleInterpreter,
    private readonly limits: PickleLimits,
  ) {
    this.input = new PickleInput(data, start, limits);
    this.stack = new PickleStack(limits);
    this.objects = new PickleObjects(this.input, interpreter);
  }

  run(): PickleResult {
    const { input } = this;
    let value: PyValue = null;
    let error: PickleError | null = null;
    try {
      for (let count = 0; ; count++) {
        if (count >= this.limits.opcodes)
          throw new PickleFormatError(`more than ${this.limits.opcodes} opcodes`, 'limit');
        const opcode = input.opcode();
        if (opcode === STOP) {
          value = this.stack.pop();
          break;
        }
        this.step(opcode);
      }
    } catch (caught) {
      if (!(caught instanceof PickleFormatError)) throw caught;
      error = { code: caught.code, message: caught.message, position: input.opcodeAt };
    }
    const first = this.objects.refused ?? error;
    return {
      value: first ? null : value,
      error: first,
      acts: this.objects.acts,
      end: error ? input.opcodeAt : input.position,
      protocol: this.protocol,
    };
  }

  private step(opcode: number): void {
    const { input, stack, objects } = this;
    switch (opcode) {
      case 0x28: // MARK
        stack.mark();
        return;
      case 0x30: // POP
        if (stack.empty) stack.popMark();
        else stack.pop();
        return;
      case 0x31: // POP_MARK
        stack.popMark();
        return;
      case 0x32: // DUP
        stack.push(stack.top());
        return;
      case 0x4e: // NONE
        stack.push(null);
        return;
      case 0x88: // NEWTRUE
        stack.push(true);
        return;
      case 0x89: // NEWFALSE
        stack.push(false);
        return;
      case 0x49: // INT
        stack.push(integerText(input.digits(), true));
        return;
      case 0x4c: // LONG
        stack.push(integerText(input.digits(), false));
        return;
      case 0x4a: // BININT
        stack.push(input.int32());
        return;
      case 0x4b: // BININT1
        stack.push(input.byte());
        return;
      case 0x4d: // BININT2
        stack.push(input.uint16());
        return;
      case 0x8a: // LONG1
        stack.push(input.longInteger(input.byte()));
        return;
      case 0x8b: // LONG4
        stack.push(input.longInteger(input.length4(true)));
        return;
      case 0x46: // FLOAT
        stack.push(floatText(input.line()));
        return;
      case 0x47: // BINFLOAT
        stack.push(input.float64());
        return;
      case 0x53: // STRING
        stack.push(this.text(quotedText(input.line())));
        return;
      case 0x54: // BINSTRING
        stack.push(this.text(input.text(input.length4(true), latin1)));
        return;
      case 0x55: // SHORT_BINSTRING
        stack.push(this.text(input.text(input.byte(), latin1)));
        return;
      case 0x56: // UNICODE
        stack.push(this.text(rawUnicode(input.line())));
        return;
      case 0x58: // BINUNICODE
        stack.push(this.text(input.text(input.length4(false), utf8)));
        return;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(this.text(input.text(input.byte(), utf8)));
        return;
      case 0x8d: // BINUNICODE8
        stack.push(this.text(input.text(input.length8(), utf8)));
        return;
      case 0x42: // BINBYTES
        stack.push(this.byteString(input.length4(false)));
        return;
      case 0x43: // SHORT_BINBYTES
        stack.push(this.byteString(input.byte()));
        return;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        stack.push(this.byteString(input.length8()));
        return;
      case 0x5d: // EMPTY_LIST
        stack.push([]);
        return;
      case 0x6c: // LIST
        stack.push(stack.popMark());
        return;
      case 0x29: // EMPTY_TUPLE
        stack.push(new Tuple([]));
        return;
      case 0x74: // TUPLE
        stack.push(new Tuple(stack.popMark()));
        return;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        stack.push(new Tuple(stack.popMany(opcode - 0x84)));
        return;
      case 0x7d: // EMPTY_DICT
        stack.push(new PyDict());
        return;
      case 0x64: {
        // DICT
        const dict = new PyDict();
        objects.setItems(stack.popMark(), dict);
        stack.push(dict);
        return;
      }
      case 0x8f: // EMPTY_SET
        stack.push(new PySet());
        return;
      case 0x91: {
        // FROZENSET
        const set = new PySet(true);
        objects.extend(stack.popMarkChecked(), set);
        stack.push(set);
        return;
      }
      case 0x61: // APPEND
        objects.extend([stack.pop()], stack.top());
        return;
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        objects.extend(stack.popMark(), stack.top());
        return;
      case 0x73: // SETITEM
        objects.setItems(stack.popMany(2), stack.top());
        return;
      case 0x75: // SETITEMS
        objects.setItems(stack.popMark(), stack.top());
        return;
      case 0x67: // GET
        stack.push(stack.recall(input.indexLine()));
        return;
      case 0x68: // BINGET
        stack.push(stack.recall(input.byte()));
        return;
      case 0x6a: // LONG_BINGET
        stack.push(stack.recall(input.length4(false)));
        return;
      case 0x70: // PUT
        stack.remember(input.indexLine());
        return;
      case 0x71: // BINPUT
        stack.remember(input.byte());
        return;
      case 0x72: // LONG_BINPUT
        stack.remember(input.length4(false));
        return;
      case 0x94: // MEMOIZE
        stack.remember(stack.memoSize);
        return;
      case 0x80: {
        // PROTO
        const protocol = input.byte();
        if (protocol > 5) throw new PickleFormatError(`pickle protocol ${protocol} does not exist`);
        this.protocol = Math.max(this.protocol, protocol);
        return;
      }
      case 0x95: // FRAME
        input.frame();
        return;
      case 0x63: // GLOBAL
        stack.push(objects.import(utf8(input.line()), utf8(input.line())));
        return;
      case 0x93: {
        // STACK_GLOBAL
        const name = stack.pop();
        stack.push(objects.importComputed(stack.pop(), name));
        return;
      }
      case 0x52: {
        // REDUCE
        const args = stack.pop();
        stack.push(objects.call(stack.pop(), args, 'call'));
        return;
      }
      case 0x81: {
        // NEWOBJ
        const args = stack.pop();
        stack.push(objects.call(stack.pop(), args, 'new'));
        return;
      }
      case 0x92: {
        // NEWOBJ_EX
        const keywords = stack.pop();
        const args = stack.pop();
        const made = objects.call(stack.pop(), args, 'new');
        if (made instanceof Opaque) made.contents.push(keywords);
        stack.push(made);
        return;
      }
      case 0x69: {
        // INST: names on two lines, arguments since the mark
        const callable = objects.import(utf8(input.line()), utf8(input.line()));
        stack.push(objects.call(callable, new Tuple(stack.popMark()), 'call'));
        return;
      }
      case 0x6f: {
        // OBJ: class, then arguments, since the mark
        const [callable, ...args] = stack.popMarkChecked();
        if (callable === undefined) throw new PickleFormatError('OBJ without a class');
        stack.push(objects.call(callable, new Tuple(args), 'call'));
        return;
      }
      case 0x62: // BUILD
        objects.setState(stack.pop(), stack.top());
        return;
      case 0x50: // PERSID
        stack.push(objects.persistent(latin1(input.line())));
        return;
      case 0x51: // BINPERSID
        stack.push(objects.persistent(stack.pop()));
        return;
      case 0x82: // EXT1
        return objects.extension(input.byte());
      case 0x83: // EXT2
        return objects.extension(input.uint16());
      case 0x84: // EXT4
        return objects.extension(input.int32());
      case 0x97: // NEXT_BUFFER
        throw new PickleFormatError('it wants out-of-band buffers, which no file has');
      case 0x98: // READONLY_BUFFER
        stack.top();
        return;
      default:
        throw new PickleFormatError(`0x${opcode.toString(16).padStart(2, '0')} is not a pickle opcode`);
    }
  }

  private text(text: string): string {
    this.interpreter.text(text);
    return text;
  }

  private byteString(count: number): Uint8Array {
    const bytes = this.input.bytes(count);
    this.interpreter.byteString(bytes);
    return bytes;
  }
}
