import { type KeyboardEvent, type ReactNode, useId } from "react";

export interface Tab {
  id: string;
  label: ReactNode;
  content: () => ReactNode;
}

/** Tabs as the keyboard expects them: arrows move, Home and End jump. Only the chosen one's content is made. */
export function Tabs({
  tabs,
  chosen,
  choose,
  label,
}: {
  tabs: Tab[];
  chosen: string;
  choose: (id: string) => void;
  label: string;
}) {
  const prefix = useId();
  const current = tabs.find((tab) => tab.id === chosen) ?? tabs[0];
  function move(event: KeyboardEvent) {
    const at = current === undefined ? -1 : tabs.indexOf(current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    const next = to === undefined ? undefined : tabs[(to + tabs.length) % tabs.length];
    if (next === undefined) return;
    event.preventDefault();
    choose(next.id);
    document.getElementById(`${prefix}-${next.id}`)?.focus();
  }
  return (
    <div className="stack tabbed">
      <div className="tabs" role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            id={`${prefix}-${tab.id}`}
            type="button"
            role="tab"
            aria-selected={tab === current}
            aria-controls={`${prefix}-panel`}
            tabIndex={tab === current ? 0 : -1}
            onClick={() => choose(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div
        id={`${prefix}-panel`}
        role="tabpanel"
        aria-labelledby={current && `${prefix}-${current.id}`}
        className="tab-panel"
      >
        {current?.content()}
      </div>
    </div>
  );
}
