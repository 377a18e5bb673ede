import { useQuery } from "@tanstack/react-query";
import { Suspense, useState } from "react";
import { NavLink, Outlet, useLocation } from "react-router";
import { get } from "../api/client";
import { readCredentials } from "../api/credentials";
import { Boundary } from "./Boundary";
import { to } from "./links";
import { ShortcutsDialog } from "./ShortcutsDialog";
import { SignIn } from "./SignIn";
import { ThemeToggle } from "./ThemeToggle";
import { useShortcuts } from "./useShortcuts";
import "./shell.css";

const PAGES: [string, string][] = [
  [to.machines(), "State machines"],
  [to.executions(), "Executions"],
  [to.functions(), "Functions"],
  [to.cost(), "Cost"],
  [to.benchmarks(), "Benchmarks"],
];

/** What is around every page: where one is, where one can go, and which endpoint one looks at. */
export function Shell() {
  const { pathname } = useLocation();
  const [helping, setHelping] = useState(false);
  useShortcuts(() => setHelping(true));
  const endpoint = useQuery({
    queryKey: ["endpoint"],
    queryFn: ({ signal }) => get("endpoint", {}, signal),
    retry: false,
  });
  return (
    <div className="shell">
      <a className="sr-only skip" href="#main">
        Skip to the content
      </a>
      <header className="shell-header">
        <NavLink to={to.machines()} className="brand" end>
          <img src="/console/icon.svg" alt="" width="24" height="24" /> Stepwell
        </NavLink>
        <nav aria-label="Pages">
          {PAGES.map(([path, label]) => (
            <NavLink key={path} to={path} end={path === "/"}>
              {label}
            </NavLink>
          ))}
        </nav>
        <span className="spread quiet-text small endpoint">
          {endpoint.data &&
            `${window.location.host} · limits ${endpoint.data.limits} · ${endpoint.data.version}`}
        </span>
        <button
          type="button"
          className="button quiet help"
          aria-label="Keyboard shortcuts"
          onClick={() => setHelping(true)}
        >
          <span aria-hidden="true">?</span>
        </button>
        <ThemeToggle />
      </header>
      <main id="main">
        {needsKey(endpoint.error) ? (
          <SignIn refused={readCredentials() === null ? null : endpoint.error} />
        ) : (
          <Boundary key={pathname}>
            <Suspense fallback={<p className="empty">Loading …</p>}>
              <Outlet />
            </Suspense>
          </Boundary>
        )}
      </main>
      {helping && <ShortcutsDialog close={() => setHelping(false)} />}
    </div>
  );
}

function needsKey(error: Error | null): boolean {
  return error !== null && "asksForKey" in error && error.asksForKey === true;
}
