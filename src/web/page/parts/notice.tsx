import type { ComponentChildren } from 'preact';

/** What went wrong, in a sentence. */
export function ErrorNotice({ error }: { error: { message: string; code?: string } | undefined }) {
  if (!error) return null;
  return (
    <p class="notice notice-error" role="alert">
      {error.message} {error.code ? <code>{error.code}</code> : null}
    </p>
  );
}

/** Where there is nothing to show: why, and what to do. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
