import type { ReactNode } from "react";
import { nameOf } from "../app/links";
import { Failure } from "../ui/Failure";
import { Scrolled } from "../ui/Scrolled";
import { Time } from "../ui/Time";
import { useAliases, useRevisions, useVersions } from "./queries";

/** What a machine is published as: numbered versions, the latest first. */
export function Versions({ arn, start }: { arn: string; start: (target: string) => void }) {
  const { data: versions, error } = useVersions(arn);
  const revisions = useRevisions(arn);
  if (error !== null) return <Failure error={error} />;
  if (versions === undefined) return <p className="empty">Loading …</p>;
  if (versions.length === 0) return <p className="empty">No version is published.</p>;
  const revisionOf = (version: number) =>
    revisions.data?.find((revision) => revision.versions.includes(version))?.number;
  return (
    <Table label="Versions" heads={["Version", "Revision", "Published"]}>
      {versions.map(({ stateMachineVersionArn = "", creationDate }) => (
        <tr key={stateMachineVersionArn}>
          <th scope="row">{nameOf(stateMachineVersionArn)}</th>
          <td>{revisionOf(Number(nameOf(stateMachineVersionArn)))}</td>
          <td>{creationDate && <Time at={creationDate.getTime() / 1000} />}</td>
          <td className="action">
            <Start target={stateMachineVersionArn} what="version" start={start} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** Names for versions, each with the share of executions that a version gets. */
export function Aliases({ arn, start }: { arn: string; start: (target: string) => void }) {
  const { data: aliases, error } = useAliases(arn);
  if (error !== null) return <Failure error={error} />;
  if (aliases === undefined) return <p className="empty">Loading …</p>;
  if (aliases.length === 0) return <p className="empty">No alias points to a version.</p>;
  return (
    <Table label="Aliases" heads={["Alias", "Routes to", "Updated"]}>
      {aliases.map(
        ({ stateMachineAliasArn = "", name, description, routingConfiguration = [], updateDate }) => (
          <tr key={stateMachineAliasArn}>
            <th scope="row">
              {name}
              {description && <div className="quiet-text small">{description}</div>}
            </th>
            <td>
              {routingConfiguration.map(({ stateMachineVersionArn = "", weight = 0 }) => (
                <Weight
                  key={stateMachineVersionArn}
                  version={nameOf(stateMachineVersionArn)}
                  weight={weight}
                />
              ))}
            </td>
            <td>{updateDate && <Time at={updateDate.getTime() / 1000} />}</td>
            <td className="action">
              <Start target={stateMachineAliasArn} what="alias" start={start} />
            </td>
          </tr>
        ),
      )}
    </Table>
  );
}

/** Rows that end with what can be done with them. */
function Table({ label, heads, children }: { label: string; heads: string[]; children: ReactNode }) {
  return (
    <Scrolled label={label}>
      <table className="plain">
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
            <th scope="col">
              <span className="sr-only">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </Scrolled>
  );
}

function Weight({ version, weight }: { version: string; weight: number }) {
  return (
    <div className="weight">
      <span>Version {version}</span>
      <span className="weight-bar" aria-hidden="true">
        <span style={{ width: `${weight}%` }} />
      </span>
      <span>{weight} %</span>
    </div>
  );
}

function Start({ target, what, start }: { target: string; what: string; start: (target: string) => void }) {
  return (
    <button type="button" className="button small" onClick={() => start(target)}>
      Start<span className="sr-only">{` an execution of ${what} ${nameOf(target)}`}</span>
    </button>
  );
}
