import type { FunctionConfiguration } from "@aws-sdk/client-lambda";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { lambda } from "../api/aws";
import { Copy } from "../ui/Copy";
import { Failure } from "../ui/Failure";
import { bytes } from "../ui/time";

/** How a function is set up, read with GetFunctionConfiguration. */
export function Configuration({ name }: { name: string }) {
  const found = useQuery({
    queryKey: ["functions/configuration", name],
    queryFn: async ({ signal }) => {
      const { sdk, client } = await lambda();
      const command = new sdk.GetFunctionConfigurationCommand({ FunctionName: name });
      return client.send(command, { abortSignal: signal });
    },
  });
  if (found.error !== null) return <Failure error={found.error} />;
  if (found.data === undefined) return <p className="empty">Reading …</p>;
  return (
    <div className="stack">
      <dl className="facts">
        {factsOf(found.data).map(([label, value]) => (
          <Fact key={label} label={label} value={value} />
        ))}
      </dl>
      <Variables variables={found.data.Environment?.Variables ?? {}} />
    </div>
  );
}

function Fact({ label, value }: { label: string; value: ReactNode }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </>
  );
}

function factsOf(found: FunctionConfiguration): [string, ReactNode][] {
  const arn = found.FunctionArn ?? "";
  const facts: [string, ReactNode][] = [
    [
      "ARN",
      <>
        <code>{arn}</code> <Copy text={arn} label="Copy the ARN" />
      </>,
    ],
    ["Description", found.Description],
    ["Runtime", found.Runtime],
    ["Handler", found.Handler],
    ["Memory", found.MemorySize && `${found.MemorySize} MB`],
    ["Timeout", found.Timeout && `${found.Timeout} s`],
    ["Code", found.CodeSize && bytes(found.CodeSize)],
    ["Layers", found.Layers?.map((layer) => layer.Arn).join(", ")],
    ["Log group", found.LoggingConfig?.LogGroup],
    ["Last modified", found.LastModified],
    ["Role", found.Role],
  ];
  return facts.filter(([, value]) => value !== undefined && value !== "" && value !== 0);
}

/** Values are often secrets: somebody may look over one's shoulder. */
function Variables({ variables }: { variables: Record<string, string> }) {
  const [shown, setShown] = useState(false);
  const names = Object.keys(variables).sort();
  if (names.length === 0) return <p className="quiet-text">No environment variables.</p>;
  return (
    <section className="stack" aria-label="Environment variables">
      <div className="row">
        <h2>Environment variables</h2>
        <button type="button" className="button" aria-pressed={shown} onClick={() => setShown(!shown)}>
          {shown ? "Hide the values" : "Show the values"}
        </button>
      </div>
      <dl className="facts mono">
        {names.map((name) => (
          <Fact key={name} label={name} value={shown ? variables[name] : "••••••••"} />
        ))}
      </dl>
    </section>
  );
}
