import { useEffect, useId, useState } from 'preact/hooks';
import { formatAddress } from '../address.ts';
import { get, post } from '../api.ts';
import { FORMS } from '../forms.ts';
import { live } from '../live.ts';
import { ErrorNotice } from '../parts/notice.tsx';
import { type Draft, draftOf, SpecEditor, specOfDraft } from '../parts/spec-editor.tsx';
import { missingIn } from '../specs.ts';
import type { JobRecord } from '../types.ts';

/** Starts a job: a form for each kind, or its settings as JSON. */
export function StartView({
  kind = 'lake-export',
  like,
}: {
  kind: string | undefined;
  like: string | undefined;
}) {
  const form = FORMS[kind];
  const id = useId();
  const [draft, setDraft] = useState<Draft>({ values: {} });
  const [jobId, setJobId] = useState('');
  const [error, setError] = useState<{ message: string; code?: string }>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (like === undefined) return;
    get<JobRecord>(`/v1/jobs/${encodeURIComponent(like)}`).then(
      ({ spec }) => setDraft(draftOf(kind, spec)),
      setError,
    );
  }, [like, kind]);
  if (!form) return <h1 tabIndex={-1}>There is no kind of job "{kind}"</h1>;
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setError(undefined);
    const missing = draft.text === undefined ? missingIn(form.fields, draft.values) : [];
    if (missing.length > 0) {
      setError({ message: `Still needed: ${missing.join(', ')}.` });
      return;
    }
    setBusy(true);
    try {
      const job = await post<JobRecord>('/v1/jobs', {
        kind,
        spec: specOfDraft(kind, draft),
        ...(jobId.trim() ? { id: jobId.trim() } : {}),
      });
      live.add(job);
      location.hash = formatAddress('jobs', job.id);
    } catch (thrown) {
      setError(thrown as Error);
      setBusy(false);
    }
  };
  return (
    <div class="start">
      <h1 tabIndex={-1}>Start a job</h1>
      <nav class="kinds" aria-label="Kinds of jobs">
        {Object.entries(FORMS).map(([name, { title }]) => (
          <a key={name} href={formatAddress('start', name)} aria-current={name === kind ? 'page' : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <form class="card" onSubmit={submit} noValidate>
        <SpecEditor kind={kind} draft={draft} onChange={setDraft} />
        <div class="field job-id">
          <label for={id}>
            Id of the job <span class="optional">optional</span>
          </label>
          <input
            id={id}
            autocomplete="off"
            spellcheck={false}
            value={jobId}
            onInput={(event) => setJobId(event.currentTarget.value)}
          />
          <p class="help">Starting the same id with the same settings again starts nothing new.</p>
        </div>
        <ErrorNotice error={error} />
        <div class="buttons">
          <button type="submit" class="primary" disabled={busy}>
            Start
          </button>
        </div>
      </form>
    </div>
  );
}
