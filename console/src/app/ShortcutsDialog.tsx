import { Dialog } from "../ui/Dialog";
import { SHORTCUTS } from "./shortcuts";

/** Every keyboard shortcut. */
export function ShortcutsDialog({ close }: { close: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" close={close}>
      <dl className="facts shortcuts">
        {SHORTCUTS.map(({ keys, name }) => (
          <div key={name}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{name}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
