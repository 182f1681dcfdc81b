import type { Problem } from "./dockerfile-error.ts";

/**
 * Ends the reading of one statement; `parse` lists it and goes on with the next. Not an Error: a hostile
 * file makes hundreds of thousands, and each stack trace would cost more than the statement.
 */
export class Complaint {
  readonly problem: Problem;
  constructor(problem: Problem) {
    this.problem = problem;
  }
}
