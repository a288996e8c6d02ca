import { useId } from 'preact/hooks';
import type { Field } from '../forms.ts';

/** One setting of a form. */
export function FormField(props: {
  field: Field;
  value: string | boolean | undefined;
  onChange: (value: string | boolean) => void;
}) {
  const { field, onChange } = props;
  const id = useId();
  const helpId = field.help ? `${id}-help` : undefined;
  const help = field.help ? (
    <p class="help" id={helpId}>
      {field.help}
    </p>
  ) : null;
  if (field.type === 'flag') {
    return (
      <div class="field flag">
        <input
          id={id}
          type="checkbox"
          checked={(props.value ?? field.on ?? false) === true}
          aria-describedby={helpId}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
        <label for={id}>{field.label}</label>
        {help}
      </div>
    );
  }
  const value = String(props.value ?? '');
  const common = { id, 'aria-describedby': helpId, value, autocomplete: 'off' as const, spellcheck: false };
  const typed = (event: { currentTarget: { value: string } }): void => onChange(event.currentTarget.value);
  return (
    <div class={field.needed ? 'field wide' : 'field'}>
      <label for={id}>
        {field.label} {field.needed ? <span class="optional">needed</span> : null}
      </label>
      {field.type === 'choice' ? (
        <select {...common} value={value || field.choices?.[0]} onChange={typed}>
          {field.choices?.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : null}
      {field.type === 'list' ? (
        <textarea {...common} rows={2} placeholder={field.example} onInput={typed} />
      ) : null}
      {field.type === 'text' || field.type === 'number' ? (
        <input
          {...common}
          inputMode={field.type === 'number' ? 'decimal' : undefined}
          placeholder={field.example}
          required={field.needed}
          onInput={typed}
        />
      ) : null}
      {help}
    </div>
  );
}
