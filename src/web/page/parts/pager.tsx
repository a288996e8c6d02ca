/** To the pages before and after. */
export function Pager(props: {
  label: string;
  before: string;
  after: string;
  onBefore: (() => void) | undefined;
  onAfter: (() => void) | undefined;
  children?: string;
}) {
  const { label, onBefore, onAfter } = props;
  if (!onBefore && !onAfter) return null;
  return (
    <nav class="pager" aria-label={label}>
      <button type="button" disabled={!onBefore} onClick={onBefore}>
        ← {props.before}
      </button>
      <span>{props.children}</span>
      <button type="button" disabled={!onAfter} onClick={onAfter}>
        {props.after} →
      </button>
    </nav>
  );
}
