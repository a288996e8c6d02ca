import { useId, useState } from 'preact/hooks';
import type { Json } from '../../../base/json.ts';
import { FORMS } from '../forms.ts';
import { specOf, type Values, valuesOf } from '../specs.ts';
import { FormField } from './form-field.tsx';
import { ErrorNotice } from './notice.tsx';

/** A spec that is being written: in the fields of its kind, or as JSON where the fields are not enough. */
export interface Draft {
  values: Values;
  /** Set where the JSON is edited by hand. */
  text?: string | undefined;
}

const jsonText = (spec: Json): string => JSON.stringify(spec, undefined, 2);

export function draftOf(kind: string, spec: Json): Draft {
  const values = valuesOf(FORMS[kind]?.fields ?? [], spec);
  return values && FORMS[kind] ? { values } : { values: {}, text: jsonText(spec) };
}

/** @throws Error with a sentence, for what is no JSON */
export function specOfDraft(kind: string, { values, text }: Draft): Json {
  if (text === undefined) return specOf(FORMS[kind]?.fields ?? [], values);
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new Error(`This is no JSON: ${(error as Error).message}`);
  }
}

/** The settings of a job: a field for each, or all of them as JSON. */
export function SpecEditor(props: { kind: string; draft: Draft; onChange: (draft: Draft) => void }) {
  const { kind, draft, onChange } = props;
  const form = FORMS[kind];
  const id = useId();
  const [error, setError] = useState<Error>();
  const { values, text } = draft;
  const toForm = (): void => {
    try {
      const known = form && valuesOf(form.fields, specOfDraft(kind, draft));
      if (!known) throw new Error('The form has not all of these settings. Go on from here.');
      setError(undefined);
      onChange({ values: known });
    } catch (thrown) {
      setError(thrown as Error);
    }
  };
  const field = (each: NonNullable<typeof form>['fields'][number]) => (
    <FormField
      key={each.name}
      field={each}
      value={values[each.name]}
      onChange={(value) => onChange({ values: { ...values, [each.name]: value } })}
    />
  );
  return (
    <>
      <div class="form-head">
        <p>{form?.about}</p>
        {form ? (
          <button
            type="button"
            class="quiet"
            onClick={
              text === undefined
                ? () => onChange({ values, text: jsonText(specOfDraft(kind, draft)) })
                : toForm
            }
          >
            {text === undefined ? 'Edit as JSON' : 'Back to the form'}
          </button>
        ) : null}
      </div>
      {text === undefined ? (
        <>
          <div class="fields">{form?.fields.filter(({ more }) => !more).map(field)}</div>
          <details>
            <summary>More settings</summary>
            <div class="fields">{form?.fields.filter(({ more }) => more).map(field)}</div>
          </details>
        </>
      ) : (
        <div class="field">
          <label for={id}>Settings as JSON</label>
          <textarea
            id={id}
            class="code"
            rows={16}
            spellcheck={false}
            value={text}
            onInput={(event) => onChange({ values, text: event.currentTarget.value })}
          />
        </div>
      )}
      <ErrorNotice error={error} />
    </>
  );
}
