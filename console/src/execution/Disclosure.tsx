import { type ReactNode, useState } from "react";

/** What opens on demand, and is made only then. */
export function Disclosure({
  label,
  open = false,
  children,
}: {
  label: ReactNode;
  open?: boolean;
  children: () => ReactNode;
}) {
  const [shown, show] = useState(open);
  return (
    <details open={open} onToggle={(event) => show(event.currentTarget.open)}>
      <summary>{label}</summary>
      {shown && children()}
    </details>
  );
}
