import { BpfError } from '../errors.ts';

/** What an operation has made so far, and how to take each thing back. */
export class Transaction {
  readonly #steps: (() => void)[] = [];
  readonly #end: (() => void)[] = [];

  /** To be run by {@link Transaction.rollback}, newest first. */
  onRollback(step: () => void): void {
    this.#steps.push(step);
  }

  /** To be run when the operation is over, whether it succeeded or was taken back. */
  onEnd(step: () => void): void {
    this.#end.push(step);
  }

  rollback(): void {
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        step();
      } catch (error) {
        // What cannot be taken back is gone already, or in use by others; the error that led here is the one to report.
        if (!(error instanceof BpfError)) throw error;
      }
    }
  }

  /** Runs `work`; if it throws, everything that it registered is taken back first. */
  static run<T>(work: (transaction: Transaction) => T): T {
    const transaction = new Transaction();
    try {
      return work(transaction);
    } catch (error) {
      transaction.rollback();
      throw error;
    } finally {
      for (const step of transaction.#end) step();
    }
  }
}
