import type { Instruction } from "./instructions/instruction.ts";
import type { Range } from "./position.ts";
import type {
  BlankNode,
  CommentNode,
  DirectiveNode,
  InstructionNode,
  InvalidNode,
  Node,
  Statement,
  Token,
} from "./tree.ts";

/** Cuts a node of one file into tokens. */
export type TokenReader = (node: Node) => Token[];

// Most readers of a file never ask for its tokens, and those would be most of its objects: they are cut on demand.
// Classes, since an accessor in an object literal makes every object one of its kind and the collector slow.
abstract class LazyNode {
  readonly range: Range;
  readonly #read: TokenReader;
  #tokens: readonly Token[] | undefined;

  constructor(range: Range, read: TokenReader) {
    this.range = range;
    this.#read = read;
  }

  get tokens(): readonly Token[] {
    this.#tokens ??= this.#read(this as unknown as Node);
    return this.#tokens;
  }
}

export class Blank extends LazyNode implements BlankNode {
  readonly kind = "blank";
}

export class Comment extends LazyNode implements CommentNode {
  readonly kind = "comment";
  readonly text: string;
  constructor(range: Range, read: TokenReader, text: string) {
    super(range, read);
    this.text = text;
  }
}

export class DirectiveLine extends LazyNode implements DirectiveNode {
  readonly kind = "directive";
  readonly name: DirectiveNode["name"];
  readonly value: string;
  constructor(range: Range, read: TokenReader, directive: Pick<DirectiveNode, "name" | "value">) {
    super(range, read);
    this.name = directive.name;
    this.value = directive.value;
  }
}

class Sound extends LazyNode implements InstructionNode {
  readonly kind = "instruction";
  readonly instruction: Instruction;
  constructor(range: Range, read: TokenReader, instruction: Instruction) {
    super(range, read);
    this.instruction = instruction;
  }
}

class Invalid extends LazyNode implements InvalidNode {
  readonly kind = "invalid";
  readonly statement: Statement;
  constructor(range: Range, read: TokenReader, statement: Statement) {
    super(range, read);
    this.statement = statement;
  }
}

/** The node of an instruction, or of a statement that is none. */
export function statementNode(range: Range, read: TokenReader, meaning: Statement | Instruction): Node {
  return "name" in meaning ? new Sound(range, read, meaning) : new Invalid(range, read, meaning);
}
