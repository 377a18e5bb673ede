import { describe, expect, it } from "vitest";
import type { StoryPage } from "../../api/types";
import { commandsOf, pythonText, shellText } from "./commands";

const MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:Orders";
const ARN = "arn:aws:states:eu-west-1:123456789012:execution:Orders:one";
const HOSTILE = [
  `{"a": "it's"}`,
  `{"a": "$(touch x) \`id\` $HOME !! \\\\ \\" %s"}`,
  '{\n\t"a": 1\r\n}\n',
  '{"a": "żółw 🐢 \u2028"}',
  "'",
  "",
];

function page(more: object = {}): StoryPage {
  return {
    execution: { stateMachineArn: MACHINE, alias: null, version: null },
    machineType: "STANDARD",
    label: "",
    input: { bytes: 2, text: "{}" },
    notRedrivable: null,
    ...more,
  } as unknown as StoryPage;
}

const commands = (more?: object, signed = false) =>
  new Map(commandsOf(ARN, page(more), "http://h:1", signed).map((command) => [command.label, command]));

describe("shellText", () => {
  it.each(HOSTILE)("is one word for a shell: %j", (text) => {
    const quoted = shellText(text);
    // Between single quotes a shell takes everything as it is; only they themselves stand outside, each escaped.
    const parts = quoted.split("\\'");
    expect(parts.every((part) => /^'[^']*'$/.test(part))).toBe(true);
    expect(parts.map((part) => part.slice(1, -1)).join("'")).toBe(text);
  });
});

describe("pythonText", () => {
  it.each([
    [`it's "x"\n`, String.raw`"it's \"x\"\n"`],
    ["\\", String.raw`"\\"`],
    ["🐢", '"🐢"'],
    ["\u0001", String.raw`"\u0001"`],
  ])("%j", (text, literal) => {
    expect(pythonText(text)).toBe(literal);
  });
});

describe("commandsOf", () => {
  it("starts the machine again with the same input, in the Region of its ARN", () => {
    const input = { bytes: 1, text: `{"a": "it's"}` };
    const made = commands({ input });
    expect(made.get("Start as AWS CLI")?.text).toBe(
      `aws stepfunctions start-execution \\
  --endpoint-url 'http://h:1' \\
  --region 'eu-west-1' \\
  --state-machine-arn '${MACHINE}' \\
  --input '{"a": "it'\\''s"}'`,
    );
    expect(made.get("Start as boto3")?.text).toContain(`    input="{\\"a\\": \\"it's\\"}",\n`);
    expect(made.get("Start as curl")?.text).toContain(
      `--data-binary '{"stateMachineArn":"${MACHINE}","input":"{\\"a\\": \\"it'\\''s\\"}"}'`,
    );
  });

  it("signs with the shell's key where the endpoint asks for it", () => {
    expect(commands().get("Start as curl")?.text).not.toContain("sigv4");
    expect(commands({}, true).get("Start as curl")?.text).toContain("--aws-sigv4 'aws:amz:eu-west-1:states'");
  });

  it("starts by the alias that it was started by", () => {
    const execution = { stateMachineArn: MACHINE, alias: `${MACHINE}:live`, version: `${MACHINE}:3` };
    expect(commands({ execution }).get("Start as AWS CLI")?.text).toContain(`'${MACHINE}:live'`);
  });

  it("asks for the execution by its ARN", () => {
    const made = commands();
    for (const label of ["Describe as AWS CLI", "History as AWS CLI", "Redrive as AWS CLI"]) {
      expect(made.get(label)?.text).toContain(`--execution-arn '${ARN}'`);
    }
  });

  it.each([
    ["Start as curl", { label: "Rows" }, "A Map Run has started it"],
    ["Start as boto3", { input: { bytes: 2e6, text: null } }, "Its input is too large"],
    ["Redrive as AWS CLI", { notRedrivable: "x" }, "It cannot be redriven"],
  ])("says why there is no %s", (label, more, reason) => {
    expect(commands(more).get(label)).toEqual({ label, text: null, reason });
  });

  it("only starts Express executions: AWS does not describe them", () => {
    expect([...commands({ machineType: "EXPRESS" }).keys()]).toEqual([
      "Start as boto3",
      "Start as AWS CLI",
      "Start as curl",
    ]);
  });
});
