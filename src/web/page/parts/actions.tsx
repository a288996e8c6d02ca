import { useState } from 'preact/hooks';
import { formatAddress } from '../address.ts';
import { ApiError, post } from '../api.ts';
import { live } from '../live.ts';
import { kindName } from '../text.ts';
import { isFinal, type JobRecord } from '../types.ts';
import { Confirm } from './confirm.tsx';

/** Buttons for what can be done with a job as it is now. */
export function JobActions(props: { job: JobRecord; onDone?: () => void; onError: (error?: Error) => void }) {
  const { job, onDone, onError } = props;
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const path = `/v1/jobs/${encodeURIComponent(job.id)}`;
  const retry = async (): Promise<void> => {
    setBusy(true);
    onError(undefined);
    try {
      live.add(await post<JobRecord>(`${path}/retry`));
      onDone?.();
    } catch (error) {
      onError(error as Error);
    } finally {
      setBusy(false);
    }
  };
  const goOn = job.interrupted ? 'Go on' : 'Retry';
  const canRetry = job.interrupted || job.status === 'FAILED' || job.status === 'CANCELED';
  return (
    <>
      {canRetry ? (
        <button
          type="button"
          class="primary"
          disabled={busy}
          onClick={retry}
          aria-label={`${goOn} ${job.id}`}
        >
          {goOn}
        </button>
      ) : null}
      {isFinal(job.status) ? null : (
        <button type="button" onClick={() => setAsking(true)} aria-label={`Cancel ${job.id}`}>
          Cancel
        </button>
      )}
      {asking ? (
        <Confirm
          title={`Cancel this ${kindName(job.kind).toLowerCase()}?`}
          text="What is in flight ends first. A retry goes on where it stopped."
          yes="Cancel the job"
          onYes={async () => {
            await post(`${path}/cancel`).catch((error: unknown) => {
              // It ended by itself in the meantime.
              if (!(error instanceof ApiError && error.status === 409)) throw error;
            });
            onDone?.();
          }}
          onClose={() => setAsking(false)}
        />
      ) : null}
    </>
  );
}

/** Opens the form with the settings of this job. */
export function StartAgain({ job }: { job: JobRecord }) {
  return (
    <a class="button" href={formatAddress('start', job.kind, { like: job.id })}>
      Start one like it
    </a>
  );
}
