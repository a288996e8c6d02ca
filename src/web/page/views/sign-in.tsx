import { useId, useState } from 'preact/hooks';
import { get, signInWith, signOut } from '../api.ts';
import { ErrorNotice } from '../parts/notice.tsx';

/** Asks for the key; it is tried before it is taken. */
export function SignInView({ why, onSignedIn }: { why: string; onSignedIn: () => void }) {
  const id = useId();
  const [key, setKey] = useState('');
  const [error, setError] = useState<{ message: string } | undefined>(why ? { message: why } : undefined);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    signInWith(key.trim());
    try {
      await get('/v1/jobs', { limit: 1 });
      onSignedIn();
    } catch (thrown) {
      signOut();
      setError(thrown as Error);
      setBusy(false);
    }
  };
  return (
    <form class="card sign-in" onSubmit={submit}>
      <h1 tabIndex={-1}>Sign in</h1>
      <p>
        With an API key (<code>sluice keys create</code>) or a bearer token. It is kept until this tab is
        closed.
      </p>
      <div class="field">
        <label for={id}>Key</label>
        <input
          id={id}
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </div>
      <ErrorNotice error={error} />
      <div class="buttons">
        <button type="submit" class="primary" disabled={busy}>
          Sign in
        </button>
      </div>
    </form>
  );
}
