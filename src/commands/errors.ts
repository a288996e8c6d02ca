import { type ErrorCode, SluiceError, toSluiceError } from '../base/errors.ts';

/** What a program that called Sluice learns from its end. */
export const EXIT = { done: 0, failed: 1, usage: 2, different: 3, interrupted: 130 } as const;

const USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  'USAGE',
  'BAD_CONFIG',
  'BAD_SPEC',
  'BAD_URI',
  'BAD_KEY',
]);

export function exitCodeOf(code: string): number {
  if (USAGE_CODES.has(code as ErrorCode)) return EXIT.usage;
  return code === 'DIFFERENT' ? EXIT.different : EXIT.failed;
}

/** One sentence for people, one object for programs; a stack only for those who ask. */
export function printError(thrown: unknown, options: { json: boolean; debug: boolean }): number {
  const error = toSluiceError(thrown);
  if (options.json) {
    const { code, message } = error;
    process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
  } else {
    process.stderr.write(`sluice: ${error.message} [${error.code}]\n`);
  }
  if (options.debug) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      process.stderr.write(`${cause.stack}\n`);
    }
  } else if (error.code === 'INTERNAL' && !options.json) {
    process.stderr.write('This is a bug in Sluice; --debug shows where.\n');
  }
  return exitCodeOf(error.code);
}

export function usage(message: string): SluiceError {
  return new SluiceError('USAGE', message);
}
