import { useEffect, useState } from "react";

type Theme = "system" | "light" | "dark";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const MARKS: Record<Theme, string> = { system: "◐", light: "☀", dark: "☾" };
const NAME = "stepwell.theme";

function read(): Theme {
  const stored = localStorage.getItem(NAME);
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** Light, dark, or as the system has it. */
export function ThemeToggle() {
  const [theme, setTheme] = useState(read);
  useEffect(() => {
    localStorage.setItem(NAME, theme);
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }, [theme]);
  return (
    <button
      type="button"
      className="button quiet"
      onClick={() => setTheme(NEXT[theme])}
      aria-label={`Theme: ${theme}`}
    >
      <span aria-hidden="true">{MARKS[theme]}</span>
    </button>
  );
}
