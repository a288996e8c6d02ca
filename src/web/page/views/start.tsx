import { useEffect, useId, useState } from 'preact/hooks';
import type { Json } from '../../../base/json.ts';
import { formatAddress } from '../address.ts';
import { get, post } from '../api.ts';
import { FORMS } from '../forms.ts';
import { live } from '../live.ts';
import { ErrorNotice } from '../parts/notice.tsx';
import { missingIn, specOf, type Values, valuesOf } from '../specs.ts';
import type { JobRecord } from '../types.ts';
import { FormField } from './start-field.tsx';

/** Starts a job: a form for each kind, or its settings as JSON. */
export function StartView({
  kind = 'lake-export',
  like,
}: {
  kind: string | undefined;
  like: string | undefined;
}) {
  const form = FORMS[kind];
  const ids = { job: useId(), json: useId() };
  const [values, setValues] = useState<Values>({});
  /** Set where the JSON is edited by hand. */
  const [text, setText] = useState<string>();
  const [jobId, setJobId] = useState('');
  const [error, setError] = useState<{ message: string; code?: string }>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (like === undefined || !form) return;
    get<JobRecord>(`/v1/jobs/${encodeURIComponent(like)}`).then(({ spec }) => {
      const known = valuesOf(form.fields, spec);
      if (known) setValues(known);
      else setText(JSON.stringify(spec, undefined, 2));
    }, setError);
  }, [like, form]);
  if (!form) return <h1 tabIndex={-1}>There is no kind of job "{kind}"</h1>;
  const toJson = (): void => setText(JSON.stringify(specOf(form.fields, values), undefined, 2));
  const toForm = (): void => {
    try {
      const known = valuesOf(form.fields, JSON.parse(text!) as Json);
      if (!known) {
        setError({ message: 'The form has not all of these settings. Start the job from here.' });
        return;
      }
      setValues(known);
      setText(undefined);
      setError(undefined);
    } catch {
      setError({ message: 'This is no JSON yet.' });
    }
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setError(undefined);
    const missing = text === undefined ? missingIn(form.fields, values) : [];
    if (missing.length > 0) {
      setError({ message: `Still needed: ${missing.join(', ')}.` });
      return;
    }
    setBusy(true);
    try {
      const spec = text === undefined ? specOf(form.fields, values) : (JSON.parse(text) as Json);
      const job = await post<JobRecord>('/v1/jobs', {
        kind,
        spec,
        ...(jobId.trim() ? { id: jobId.trim() } : {}),
      });
      live.add(job);
      location.hash = formatAddress('jobs', job.id);
    } catch (thrown) {
      setError(
        thrown instanceof SyntaxError ? { message: `This is no JSON: ${thrown.message}` } : (thrown as Error),
      );
      setBusy(false);
    }
  };
  const field = (each: (typeof form.fields)[number]) => (
    <FormField
      key={each.name}
      field={each}
      value={values[each.name]}
      onChange={(value) => setValues((before) => ({ ...before, [each.name]: value }))}
    />
  );
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
        <div class="form-head">
          <p>{form.about}</p>
          <button type="button" class="quiet" onClick={text === undefined ? toJson : toForm}>
            {text === undefined ? 'Edit as JSON' : 'Back to the form'}
          </button>
        </div>
        {text === undefined ? (
          <>
            <div class="fields">{form.fields.filter(({ more }) => !more).map(field)}</div>
            <details>
              <summary>More settings</summary>
              <div class="fields">{form.fields.filter(({ more }) => more).map(field)}</div>
            </details>
          </>
        ) : (
          <div class="field">
            <label for={ids.json}>Settings as JSON</label>
            <textarea
              id={ids.json}
              class="code"
              rows={16}
              spellcheck={false}
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </div>
        )}
        <div class="field job-id">
          <label for={ids.job}>
            Id of the job <span class="optional">optional</span>
          </label>
          <input
            id={ids.job}
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
