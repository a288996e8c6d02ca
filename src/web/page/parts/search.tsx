import { useEffect, useId, useRef, useState } from 'preact/hooks';

/** A search field that tells its text once the user paused. "/" leads to it. */
export function Search(props: {
  label: string;
  value: string;
  onSearch: (text: string) => void;
  first?: boolean;
}) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<number>(undefined);
  const [text, setText] = useState(props.value);
  useEffect(() => {
    // Who types has more to say than what was searched for so far.
    if (document.activeElement !== input.current) setText(props.value);
  }, [props.value]);
  useEffect(() => {
    if (!props.first) return;
    const onKey = (event: KeyboardEvent): void => {
      const typing =
        event.target instanceof Element && event.target.closest('input, textarea, select, dialog');
      if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [props.first]);
  const typed = (value: string): void => {
    setText(value);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => props.onSearch(value.trim()), 250);
  };
  return (
    <div class="field search">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        ref={input}
        type="search"
        autocomplete="off"
        spellcheck={false}
        value={text}
        placeholder={props.first ? 'press / to search' : undefined}
        onInput={(event) => typed(event.currentTarget.value)}
      />
    </div>
  );
}

export function Choice(props: {
  label: string;
  value: string;
  options: readonly (readonly [value: string, label: string])[];
  onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select id={id} value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        {props.options.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}
