import { dollars } from "../cost/cost";
import { Scrolled } from "../ui/Scrolled";
import { titleOf } from "./cells";
import type { Profile, Report } from "./report";

/** What one undisturbed request takes under each strategy: counted round trips and billed units, against the budget. */
export function Profiles({ report, workload }: { report: Report; workload: string }) {
  const profiles = report.profiles.filter((each) => each.workload === workload);
  if (profiles.length === 0) return null;
  const rate = report.budget.requests_per_second;
  return (
    <Scrolled label="What a request takes">
      <table className="plain profiles">
        <thead>
          <tr>
            <th scope="col">Strategy</th>
            <th scope="col">Latency, counted</th>
            <th scope="col">$ per million at {rate}/s</th>
            <th scope="col">at {2 * rate}/s</th>
            <th scope="col">Calls of a request</th>
          </tr>
        </thead>
        <tbody>
          {profiles.map((profile) => (
            <Row key={profile.strategy} report={report} profile={profile} />
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}

function Row({ report, profile }: { report: Report; profile: Profile }) {
  const { budget } = report;
  const parts = [...profile.latency_parts].map(([name, value]) => `${name} ${value.toFixed(0)}`);
  const calls = [...profile.calls].map(([name, times]) => `${name} ${times.toFixed(times % 1 ? 1 : 0)}`);
  return (
    <tr>
      <th scope="row">{titleOf(report, "strategies", profile.strategy)}</th>
      <td>
        <Against
          text={`${profile.latency_milliseconds.toFixed(0)} of ${budget.latency_milliseconds} ms`}
          over={profile.latency_milliseconds > budget.latency_milliseconds}
        />
        <small>{parts.join(", ")}</small>
      </td>
      <td>
        <Against text={dollars(profile.dollars)} over={profile.dollars > budget.dollars_per_million} />
        {profile.unverified.length > 0 && (
          <small title={profile.unverified.join(", ")}>rests on unverified prices</small>
        )}
      </td>
      <td>
        <Against
          text={dollars(profile.dollars_doubled)}
          over={profile.dollars_doubled > budget.dollars_per_million}
        />
      </td>
      <td className="small">{calls.join(", ")}</td>
    </tr>
  );
}

function Against({ text, over }: { text: string; over: boolean }) {
  if (!over) return <b>{text}</b>;
  return (
    <>
      <b className="verdict-over">
        <span aria-hidden="true">▲ </span>
        {text}
      </b>
      <small>over the budget</small>
    </>
  );
}
