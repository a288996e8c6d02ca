import { useEffect, useState } from 'preact/hooks';

const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const STORED = 'sluice-theme';

/** Light, dark, or as the system is. */
export function ThemeButton() {
  const [theme, setTheme] = useState<Theme>(() => {
    const stored = localStorage.getItem(STORED) as Theme | null;
    return stored && THEMES.includes(stored) ? stored : 'auto';
  });
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(STORED, theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
  return (
    <button
      type="button"
      class="quiet"
      onClick={() => setTheme(next)}
      aria-label={`Colors: ${theme}; change to ${next}`}
    >
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        {theme === 'auto' ? <path d="M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12" /> : null}
        {theme === 'light' ? (
          <path d="M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1" />
        ) : null}
        {theme === 'dark' ? <path d="M13 9.5A5.5 5.5 0 1 1 6.5 3 4.5 4.5 0 0 0 13 9.5" /> : null}
      </svg>
    </button>
  );
}
