import { useEffect, useState } from 'preact/hooks';
import type { Json } from '../../../base/json.ts';
import { formatAddress } from '../address.ts';
import { get, post, put } from '../api.ts';
import { FORMS } from '../forms.ts';
import { FormField } from '../parts/form-field.tsx';
import { ErrorNotice } from '../parts/notice.tsx';
import { Choice } from '../parts/search.tsx';
import { type Draft, draftOf, SpecEditor, specOfDraft } from '../parts/spec-editor.tsx';
import { KEEP, NAME, type Schedule, TIMES } from '../schedule-form.ts';
import { missingIn, specOf, type Values, valuesIn } from '../specs.ts';

const ALL = [NAME, ...TIMES.cron.fields, ...TIMES.on.fields, ...KEEP];

/** Makes a schedule, or changes one that was made here. */
export function ScheduleView({ name }: { name: string | undefined }) {
  const [values, setValues] = useState<Values>({});
  const [when, setWhen] = useState<'cron' | 'on'>('cron');
  const [kind, setKind] = useState('lake-export');
  const [draft, setDraft] = useState<Draft>({ values: {} });
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (name === undefined) return;
    get<Schedule>(`/v1/schedules/${encodeURIComponent(name)}`).then((schedule) => {
      setValues(valuesIn(ALL, schedule as unknown as Json));
      setWhen(schedule.on ? 'on' : 'cron');
      setKind(schedule.job.kind);
      setDraft(draftOf(schedule.job.kind, schedule.job.spec));
    }, setError);
  }, [name]);
  const fields = [...(name === undefined ? [NAME] : []), ...TIMES[when].fields];
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setError(undefined);
    try {
      const missing = missingIn(fields, values);
      if (missing.length > 0) throw new Error(`Still needed: ${missing.join(', ')}.`);
      const asked = specOf([NAME, ...TIMES[when].fields, ...KEEP], values);
      const entry: Json = { ...asked, job: { kind, spec: specOfDraft(kind, draft) } };
      setBusy(true);
      if (name === undefined) await post('/v1/schedules', entry);
      else await put(`/v1/schedules/${encodeURIComponent(name)}`, entry);
      location.hash = formatAddress('schedules');
    } catch (thrown) {
      setError(thrown as Error);
      setBusy(false);
    }
  };
  const field = (each: (typeof ALL)[number]) => (
    <FormField
      key={each.name}
      field={each}
      value={values[each.name]}
      onChange={(value) => setValues((before) => ({ ...before, [each.name]: value }))}
    />
  );
  return (
    <div class="start">
      <nav class="crumbs" aria-label="Where you are">
        <a href={formatAddress('schedules')}>Schedules</a>
      </nav>
      <h1 tabIndex={-1}>{name === undefined ? 'New schedule' : `Change ${name}`}</h1>
      <form class="card" onSubmit={submit} noValidate>
        {name === undefined ? field(NAME) : null}
        <fieldset>
          <legend>When</legend>
          <Choice
            label="Starts"
            value={when}
            options={[
              ['cron', TIMES.cron.title],
              ['on', TIMES.on.title],
            ]}
            onChange={(value) => setWhen(value as 'cron' | 'on')}
          />
          <div class="fields">{TIMES[when].fields.map(field)}</div>
        </fieldset>
        <fieldset>
          <legend>What</legend>
          <Choice
            label="Kind of job"
            value={kind}
            options={Object.entries(FORMS).map(([each, { title }]) => [each, title] as const)}
            onChange={(value) => {
              setKind(value);
              setDraft({ values: {} });
            }}
          />
          <p class="help">
            {'{date}'} and {'{time}'} (UTC) in a setting are filled in for each run.
          </p>
          <SpecEditor key={kind} kind={kind} draft={draft} onChange={setDraft} />
        </fieldset>
        <fieldset>
          <legend>Keep</legend>
          <p class="help">
            After each success, older exports of this schedule are deleted, except the newest of so many
            hours, days, weeks and months. Empty: nothing is deleted.
          </p>
          <div class="fields keep">{KEEP.map(field)}</div>
        </fieldset>
        <ErrorNotice error={error} />
        <div class="buttons">
          <button type="submit" class="primary" disabled={busy}>
            {name === undefined ? 'Make the schedule' : 'Save'}
          </button>
          <a class="button" href={formatAddress('schedules')}>
            Leave it
          </a>
        </div>
      </form>
    </div>
  );
}
