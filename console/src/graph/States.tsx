import { useContext, useState } from "react";
import { Scrolled } from "../ui/Scrolled";
import { Status } from "../ui/Status";
import type { GraphNode } from "./definition";
import { LookContext } from "./look";

/** The graph as a table: for those who do not see it, and to find a state by its name. */
export function States({ nodes }: { nodes: GraphNode[] }) {
  const [open, setOpen] = useState(false);
  const states = nodes.filter(({ kind }) => kind === "state");
  return (
    <details className="graph-states" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {states.length === 1 ? "1 state" : `${states.length.toLocaleString()} states`} as a table
      </summary>
      {open && (
        <Scrolled label="States">
          <Table states={states} />
        </Scrolled>
      )}
    </details>
  );
}

function Table({ states }: { states: GraphNode[] }) {
  const { visits, selected, select } = useContext(LookContext);
  return (
    <table className="plain">
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col">Type</th>
          {visits && (
            <>
              <th scope="col">Status</th>
              <th scope="col">Visits</th>
              <th scope="col">Retries</th>
            </>
          )}
        </tr>
      </thead>
      <tbody>
        {states.map(({ id, name, type, detail }) => {
          const visited = visits?.get(name);
          return (
            <tr key={id}>
              <th scope="row">
                <button
                  type="button"
                  className="link"
                  aria-pressed={selected === name}
                  onClick={() => select(selected === name ? null : name)}
                >
                  {name}
                </button>
              </th>
              <td>{[type, detail].filter(Boolean).join(" · ")}</td>
              {visits && (
                <>
                  <td>{visited ? <Status status={visited.status} /> : "Not visited"}</td>
                  <td>{visited?.count ?? 0}</td>
                  <td>{visited?.retries ?? 0}</td>
                </>
              )}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
