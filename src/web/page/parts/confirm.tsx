import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { ErrorNotice } from './notice.tsx';

/** Asks before something is done that can't be taken back at once. Escape and "No" leave all as it is. */
export function Confirm(props: {
  title: string;
  text: string;
  yes: string;
  onYes: () => Promise<void>;
  onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  useEffect(() => dialog.current?.showModal(), []);
  const confirm = async (): Promise<void> => {
    setBusy(true);
    try {
      await props.onYes();
      dialog.current?.close();
    } catch (thrown) {
      setError(thrown as Error);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby={titleId} onClose={props.onClose}>
      <h2 id={titleId}>{props.title}</h2>
      <p>{props.text}</p>
      <ErrorNotice error={error} />
      <div class="buttons">
        <button type="button" onClick={() => dialog.current?.close()}>
          No
        </button>
        <button type="button" class="danger" disabled={busy} onClick={confirm}>
          {props.yes}
        </button>
      </div>
    </dialog>
  );
}
