import { useMemo } from "react";
import { useParams, useSearchParams } from "react-router";
import { Failure } from "../ui/Failure";
import { Status } from "../ui/Status";
import { Tabs } from "../ui/Tabs";
import { Lasted, Time } from "../ui/Time";
import { type Story, visitsAt } from "./story";
import { useStory } from "./useStory";
import "./execution.css";

/** One execution: what it did, what it is doing, and why. What is looked at stands in the address. */
export default function ExecutionPage() {
  const arn = useParams().arn ?? "";
  const { story, error } = useStory(arn);
  return (
    <div className="page">
      {error !== null && <Failure error={error} />}
      {story !== null && <Shown story={story} />}
    </div>
  );
}

function Shown({ story }: { story: Story }) {
  const [search, setSearch] = useSearchParams();
  const { execution } = story.page;
  const visits = useMemo(() => visitsAt(story.steps.values(), null), [story]);
  return (
    <>
      <header className="row">
        <h1>{execution.name}</h1>
        <Status status={execution.status} />
        <Time at={execution.startedAt} />
        <Lasted from={execution.startedAt} to={execution.stoppedAt} />
      </header>
      <Tabs
        label="Views of the execution"
        chosen={search.get("tab") ?? "timeline"}
        choose={(tab) => setSearch({ tab }, { replace: true })}
        tabs={[{ id: "timeline", label: "Timeline", content: () => <p>{visits.size} states</p> }]}
      />
    </>
  );
}
