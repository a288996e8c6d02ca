import { SluiceError } from '../base/errors.ts';

/** Reads settings that may have come as text from a file or the environment. */
export class SettingReader {
  readonly #name: string;
  readonly #values: Record<string, unknown>;

  constructor(name: string, values: Record<string, unknown>) {
    this.#name = name;
    this.#values = values;
  }

  /** The error for a setting that cannot be used. @param why goes on after its name */
  bad(setting: string, why: string): SluiceError {
    return new SluiceError('BAD_CONFIG', `Connection "${this.#name}": ${setting} ${why}.`);
  }

  /** @throws SluiceError BAD_CONFIG for a setting that is none of these */
  known(names: readonly string[], kind: string): void {
    const unknown = Object.keys(this.#values).find(
      (name) => name !== 'name' && name !== 'type' && !names.includes(name),
    );
    if (unknown !== undefined)
      throw this.bad(unknown, `is no setting of ${kind} (there are: ${names.join(', ')})`);
  }

  text(setting: string): string | undefined {
    const value = this.#values[setting];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value !== 'string' && typeof value !== 'number') throw this.bad(setting, 'must be text');
    return String(value);
  }

  flag(setting: string): boolean | undefined {
    const value = this.#values[setting];
    if (value === undefined || value === null || value === '') return undefined;
    if (value === true || value === 'true') return true;
    if (value === false || value === 'false') return false;
    throw this.bad(setting, 'must be true or false');
  }

  count(setting: string, least = 1): number | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    const count = Number(text);
    if (!Number.isSafeInteger(count) || count < least) throw this.bad(setting, `must be ${least} or more`);
    return count;
  }

  /** Given in seconds, returned in milliseconds. */
  seconds(setting: string): number | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    const seconds = Number(text);
    if (!(seconds > 0) || !Number.isFinite(seconds)) {
      throw this.bad(setting, 'must be a number of seconds above 0');
    }
    return seconds * 1000;
  }

  /** Bytes, or a text such as 64MiB; returned in bytes. */
  size(setting: string, least: number): number | undefined {
    const text = this.text(setting);
    if (text === undefined) return undefined;
    const match = /^(\d+(?:\.\d+)?)\s*(?:(k|m|g|t)i?b?|b)?$/i.exec(text);
    const power = match?.[2] ? 'kmgt'.indexOf(match[2].toLowerCase()) + 1 : 0;
    const size = match ? Math.round(Number(match[1]) * 1024 ** power) : Number.NaN;
    if (!Number.isSafeInteger(size)) throw this.bad(setting, 'must be bytes, or a size such as 64MiB');
    if (size < least) throw this.bad(setting, `must be at least ${least} bytes`);
    return size;
  }
}
