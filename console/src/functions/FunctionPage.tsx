import { useParams, useSearchParams } from "react-router";
import { Tabs } from "../ui/Tabs";
import { Configuration } from "./Configuration";
import { Figures } from "./Figures";
import { Invocations } from "./Invocations";
import { Invoke } from "./Invoke";
import "./functions.css";

/** One function: its invocations, an event to try it with, and how it is set up. */
export default function FunctionPage() {
  const name = useParams().name ?? "";
  const [search, setSearch] = useSearchParams();
  return (
    <div className="page" key={name}>
      <h1>{name}</h1>
      <Figures name={name} />
      <Tabs
        label="Views of the function"
        chosen={search.get("tab") ?? "invocations"}
        choose={(tab) => setSearch({ tab }, { replace: true })}
        tabs={[
          { id: "invocations", label: "Invocations", content: () => <Invocations name={name} /> },
          { id: "invoke", label: "Invoke", content: () => <Invoke name={name} /> },
          { id: "configuration", label: "Configuration", content: () => <Configuration name={name} /> },
        ]}
      />
    </div>
  );
}
