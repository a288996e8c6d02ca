import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CACHE, installed } from '../../servers/install.ts';

/** Delta for Spark 4.0, and S3A. */
export const PACKAGES = 'io.delta:delta-spark_2.13:4.0.0,org.apache.hadoop:hadoop-aws:3.4.1';

type Answer = { rows?: string[]; error?: string; trace?: string };

/** PySpark with Delta in a process of its own; one request at a time. */
export class SparkSession {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(process: ChildProcess) {
    this.#process = process;
    this.#answers = createInterface({ input: process.stdout! })[Symbol.asyncIterator]();
  }

  /** @param settings Spark's own, such as `spark.hadoop.fs.s3a.endpoint` */
  static async start(settings: Record<string, string> = {}): Promise<SparkSession> {
    const python = await installed('python');
    const child = spawn(
      python,
      [
        join(import.meta.dirname, 'session.py'),
        PACKAGES,
        join(CACHE, 'ivy'),
        ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
      ],
      { stdio: ['pipe', 'pipe', process.env.SLUICE_SPARK_LOG ? 'inherit' : 'ignore'] },
    );
    const session = new SparkSession(child);
    await session.#next();
    return session;
  }

  /** Rows as JSON texts. */
  async read(path: string, version?: number): Promise<string[]> {
    return (await this.ask({ read: path, version })).rows!;
  }

  async sql(statement: string): Promise<string[]> {
    return (await this.ask({ sql: statement })).rows!;
  }

  /** Runs the cells of a notebook's source file. */
  async run(file: string, widgets: Record<string, string>): Promise<void> {
    await this.ask({ run: file, widgets });
  }

  async ask(request: object): Promise<Answer> {
    const turn = this.#last.then(async () => {
      this.#process.stdin!.write(`${JSON.stringify(request)}\n`);
      return await this.#next();
    });
    this.#last = turn.catch(() => {});
    return await turn;
  }

  async #next(): Promise<Answer> {
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('Spark ended; set SLUICE_SPARK_LOG=1 to see why.');
    const answer = JSON.parse(value) as Answer;
    if (answer.error !== undefined) throw Object.assign(new Error(answer.error), { trace: answer.trace });
    return answer;
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.stdin!.end();
    await ended;
  }
}
