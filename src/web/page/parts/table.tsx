import { type ComponentChildren, toChildArray } from 'preact';

/** A heading; those of `number` columns stand at the right, those that are `unseen` are read by ear only. */
export interface Column {
  label: string;
  number?: boolean;
  unseen?: boolean;
}

/** A table whose rows become blocks on narrow screens, where each value has its heading beside it. */
export function Table(props: {
  kind: string;
  caption: string;
  columns: readonly Column[];
  children: ComponentChildren;
}) {
  const { kind, caption, columns, children } = props;
  return (
    <table class={kind}>
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ label, number, unseen }) => (
            <th key={label} scope="col" class={number ? 'number' : undefined}>
              {unseen ? <span class="unseen">{label}</span> : label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

/** A value under its heading; a dash where there is none. */
export function Cell(props: { label: string; number?: boolean; children?: ComponentChildren }) {
  const { label, number, children } = props;
  const none = toChildArray(children).length === 0;
  return (
    <td class={`${number ? 'number' : ''}${none ? ' none' : ''}`} data-label={label}>
      {none ? '–' : children}
    </td>
  );
}
