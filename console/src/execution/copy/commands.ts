import type { StoryPage } from "../../api/types";

/** A line or a script to copy. Without a `text` there is a reason why not. */
export interface Command {
  label: string;
  text: string | null;
  reason?: string;
}

/** What there is to copy of an execution: how to start it again, and how to ask AWS's API for it. */
export function commandsOf(arn: string, page: StoryPage, endpoint: string, signed: boolean): Command[] {
  const { execution, machineType, label, input } = page;
  const machine = execution.alias ?? execution.version ?? execution.stateMachineArn;
  const start: [string, (text: string) => string][] = [
    ["Start as boto3", (text) => startBoto3(machine, text, endpoint)],
    ["Start as AWS CLI", (text) => startCli(machine, text, endpoint)],
    ["Start as curl", (text) => startCurl(machine, text, endpoint, signed)],
  ];
  const reason =
    label !== "" ? "A Map Run has started it" : input.text === null ? "Its input is too large" : "";
  const starting = start.map(([name, write]) =>
    reason === "" ? { label: name, text: write(input.text ?? "") } : { label: name, text: null, reason },
  );
  return machineType === "EXPRESS" ? starting : [...starting, ...asking(arn, page, endpoint)];
}

function asking(arn: string, page: StoryPage, endpoint: string): Command[] {
  const redrive: Command =
    page.notRedrivable === null
      ? {
          label: "Redrive as AWS CLI",
          text: cli("redrive-execution", arn, endpoint, [["execution-arn", arn]]),
        }
      : { label: "Redrive as AWS CLI", text: null, reason: "It cannot be redriven" };
  return [
    {
      label: "Describe as AWS CLI",
      text: cli("describe-execution", arn, endpoint, [["execution-arn", arn]]),
    },
    {
      label: "History as AWS CLI",
      text: cli("get-execution-history", arn, endpoint, [["execution-arn", arn]]),
    },
    redrive,
  ];
}

function startBoto3(machine: string, input: string, endpoint: string): string {
  return `import boto3

client = boto3.client(
    "stepfunctions",
    endpoint_url=${pythonText(endpoint)},
    region_name=${pythonText(regionOf(machine))},
)
reply = client.start_execution(
    stateMachineArn=${pythonText(machine)},
    input=${pythonText(input)},
)
print(reply["executionArn"])
`;
}

function startCli(machine: string, input: string, endpoint: string): string {
  return cli("start-execution", machine, endpoint, [
    ["state-machine-arn", machine],
    ["input", input],
  ]);
}

function cli(operation: string, arn: string, endpoint: string, options: [string, string][]): string {
  const all = [["endpoint-url", endpoint], ["region", regionOf(arn)], ...options];
  const lines = all.map(([name, value]) => `--${name} ${shellText(value ?? "")}`);
  return [`aws stepfunctions ${operation}`, ...lines].join(" \\\n  ");
}

function startCurl(machine: string, input: string, endpoint: string, signed: boolean): string {
  const body = JSON.stringify({ stateMachineArn: machine, input });
  // The key is not the page's to give away: the shell's own is used.
  const signature = [
    `--aws-sigv4 ${shellText(`aws:amz:${regionOf(machine)}:states`)}`,
    '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
  ];
  return [
    `curl ${shellText(`${endpoint}/`)}`,
    ...(signed ? signature : []),
    "--header 'Content-Type: application/x-amz-json-1.0'",
    "--header 'X-Amz-Target: AWSStepFunctions.StartExecution'",
    `--data-binary ${shellText(body)}`,
  ].join(" \\\n  ");
}

function regionOf(arn: string): string {
  return arn.split(":")[3] ?? "";
}

/** One word for a POSIX shell, whatever is in it. */
export function shellText(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A literal of Python: every escape that JSON writes means the same there. */
export function pythonText(text: string): string {
  return JSON.stringify(text);
}
