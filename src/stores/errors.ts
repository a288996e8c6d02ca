import { type ErrorCode, type ErrorDetails, SluiceError } from '../base/errors.ts';

export interface StoreErrorDetails extends ErrorDetails {
  /** The Store's `name`. */
  store: string;
  key?: string;
  /** What the provider calls this request, for its support. */
  requestId?: string;
  /** The provider's own error code, such as SlowDown. */
  providerCode?: string;
}

/** A failure of a Store, with everything that finds it again on the other side. */
export class StoreError extends SluiceError {
  readonly store: string;
  readonly key: string | undefined;
  readonly requestId: string | undefined;
  readonly providerCode: string | undefined;

  constructor(code: ErrorCode, message: string, details: StoreErrorDetails) {
    super(code, message, details);
    this.name = 'StoreError';
    this.store = details.store;
    this.key = details.key;
    this.requestId = details.requestId;
    this.providerCode = details.providerCode;
  }
}
