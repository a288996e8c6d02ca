import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { formatAddress } from '../address.ts';
import { signedIn, signOut, whenSignInNeeded } from '../api.ts';
import { useAddress, useLive } from '../hooks.ts';
import { live } from '../live.ts';
import { JobView } from './job.tsx';
import { JobsView } from './jobs.tsx';
import { ScheduleView } from './schedule.tsx';
import { SchedulesView } from './schedules.tsx';
import { SignInView } from './sign-in.tsx';
import { StartView } from './start.tsx';
import { TablesView } from './tables.tsx';
import { ThemeButton } from './theme.tsx';

const VIEWS = [
  ['jobs', 'Jobs'],
  ['schedules', 'Schedules'],
  ['tables', 'Tables'],
] as const;
const CONNECTION = { connecting: 'Connecting', live: 'Live', lost: 'No connection' } as const;

/** The whole page: the bar on top and the view of the address. */
export function Page() {
  const { view, item, query } = useAddress();
  const { connection } = useLive();
  const [signIn, setSignIn] = useState<string>();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useLayoutEffect(() => {
    whenSignInNeeded(setSignIn);
    live.start();
    return () => live.stop();
  }, []);
  const place = item === undefined ? view : `${view}/${item}`;
  useEffect(() => {
    const heading = main.current?.querySelector('h1')?.textContent ?? '';
    document.title = heading ? `${heading} · Sluice` : 'Sluice';
    // Who reads by ear is told of the new place by its heading; the first one is read anyway.
    if (!first.current) main.current?.querySelector<HTMLElement>('h1')?.focus();
    first.current = false;
  }, [place]);
  const leave = (): void => {
    signOut();
    live.stop();
    setSignIn('');
  };
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <header class="top">
        <a class="brand" href={formatAddress('jobs')}>
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <path d="M5 6v20M27 6v20M5 11h22" />
            <path
              class="water"
              d="M9 18c2.3-2.3 4.7-2.3 7 0s4.7 2.3 7 0M9 24c2.3-2.3 4.7-2.3 7 0s4.7 2.3 7 0"
            />
          </svg>
          Sluice
        </a>
        <nav aria-label="Views">
          {VIEWS.map(([name, label]) => (
            <a
              key={name}
              href={formatAddress(name)}
              aria-current={view === name || `${view}s` === name ? 'page' : undefined}
            >
              {label}
            </a>
          ))}
        </nav>
        <span class={`connection ${connection}`} role="status">
          {signIn === undefined ? CONNECTION[connection] : 'Signed out'}
        </span>
        <ThemeButton />
        {signedIn() && signIn === undefined ? (
          <button type="button" class="quiet" onClick={leave}>
            Sign out
          </button>
        ) : null}
        <a class="button primary" href={formatAddress('start')}>
          Start a job
        </a>
      </header>
      <main ref={main} id="main" tabIndex={-1}>
        {signIn === undefined ? (
          <View key={place} view={view} item={item} query={query} />
        ) : (
          <SignInView
            why={signIn}
            onSignedIn={() => {
              setSignIn(undefined);
              live.start();
            }}
          />
        )}
      </main>
      <footer>
        <a href="/docs">API</a>
      </footer>
    </>
  );
}

function View({
  view,
  item,
  query,
}: {
  view: string;
  item: string | undefined;
  query: Record<string, string>;
}) {
  if (view === 'jobs' && item !== undefined) return <JobView id={item} query={query} />;
  if (view === 'start') return <StartView kind={item} like={query.like} />;
  if (view === 'schedules') return <SchedulesView />;
  if (view === 'schedule') return <ScheduleView name={item} />;
  if (view === 'tables') return <TablesView query={query} />;
  return <JobsView query={query} />;
}
