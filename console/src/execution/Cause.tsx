import { Disclosure } from "./Disclosure";
import { readCause } from "./readCause";

/** An error with its cause, laid out to be read; nothing where there is neither. */
export function Cause({ error, cause, open = false }: { error: string; cause: string; open?: boolean }) {
  if (error === "" && cause === "") return null;
  const { message, trace, json } = readCause(cause);
  return (
    <div className="cause">
      {error !== "" && <strong>{error}</strong>} <bdi className="cause-message">{message}</bdi>
      {trace !== "" && <Text label="Stack trace" text={trace} open={open} />}
      {json !== "" && <Text label="Cause" text={json} open={open} />}
    </div>
  );
}

function Text({ label, text, open }: { label: string; text: string; open: boolean }) {
  return (
    <Disclosure label={label} open={open}>
      {() => (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
        <pre tabIndex={0} aria-label={label} role="region">
          {text}
        </pre>
      )}
    </Disclosure>
  );
}
