// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import type { StoryPage } from "../../api/types";
import { anAttempt, aStep } from "../fixtures";
import { type Exported, exportDocument } from "./document";
import { eventOf, readable } from "./events";
import { html } from "./html";
import { withoutPayloads } from "./redact";
import { Texts } from "./texts";

const HOSTILE = `</script><script>x</script><img onerror=x src="y">]]><!-- ' " & </pre></style></title>`;
const data = (value: unknown) => ({ bytes: 1, text: JSON.stringify(value) });

function exported(text: string, more: Partial<Exported> = {}): Exported {
  const attempt = anAttempt({ status: text, error: text, cause: text, requestId: text });
  const step = aStep(2, {
    name: text,
    type: text,
    status: text,
    error: text,
    cause: text,
    attempts: [attempt],
  });
  const execution = {
    executionArn: text,
    stateMachineArn: text,
    name: text,
    status: text,
    startedAt: 1,
    stoppedAt: 9,
    error: text,
    cause: text,
    version: text,
    alias: text,
    redriveCount: 1,
    mapRun: text,
    warnings: [text],
  };
  return {
    page: {
      execution,
      input: data(text),
      output: data(text),
      firstStep: 0,
      revision: 4,
      machineType: text,
      parent: text,
    } as unknown as StoryPage,
    definition: JSON.stringify({ Comment: text }),
    steps: [step],
    events: [
      {
        id: 2,
        type: text,
        timestamp: 2,
        previousEventId: 1,
        details: { name: text, input: JSON.stringify(text) },
      },
      {
        id: 3,
        type: text,
        timestamp: 5,
        previousEventId: 2,
        details: { output: text, assignedVariables: { v: text } },
      },
    ],
    lastEvent: 3,
    payloads: true,
    exportedAt: 10,
    version: "1",
    ...more,
  };
}

describe("exportDocument", () => {
  it("escapes whatever it holds, wherever that stands", () => {
    const text = exportDocument(exported(HOSTILE));
    const plain = exportDocument(exported("plain"));
    const page = new DOMParser().parseFromString(text, "text/html");
    const elements = (of: Document) => [...of.querySelectorAll("*")].map(({ tagName }) => tagName).join();
    expect(elements(page)).toBe(elements(new DOMParser().parseFromString(plain, "text/html")));
    expect(page.querySelectorAll("script, img, a, iframe, link")).toHaveLength(0);
    expect(page.title).toContain(HOSTILE);
    expect(page.querySelector("h1")?.textContent).toContain(HOSTILE);
  });

  it("needs nothing from elsewhere, and lets nothing run", () => {
    const text = exportDocument(exported("plain"));
    expect(text).toContain(
      `<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;`,
    );
    expect(text).not.toMatch(/https?:|url\(|@import|\son\w+=|\ssrc=|\shref=/);
  });

  it("shows a step's input, output and variables as its events have them", () => {
    const page = new DOMParser().parseFromString(exportDocument(exported("plain")), "text/html");
    const titles = [...page.querySelectorAll(".step details summary")].map((title) => title.textContent);
    expect(titles).toEqual(["Input", "Output", "Assigned variables"]);
  });

  it("says what it does not have", () => {
    const more = exported("x", { lastEvent: 9_000 });
    more.page.firstStep = 7;
    const text = exportDocument(more);
    expect(text).toContain("This report has the first 2 of 9,000 events.");
    expect(text).toContain("Only the latest steps are listed");
  });
});

it("without payloads nothing is left of them", () => {
  const given = exported("plain");
  const secret = "hunter2";
  const [step] = given.steps;
  if (step !== undefined) {
    step.cause = secret;
    step.attempts = step.attempts.map((attempt) => ({ ...attempt, cause: secret }));
  }
  given.page.input = given.page.output = data(secret);
  given.page.execution.cause = secret;
  given.events = [
    "input",
    "output",
    "cause",
    "parameters",
    "assignedVariables",
    "workerName",
    "anything new",
  ].map((member, id) => ({
    id,
    type: "T",
    timestamp: 1,
    previousEventId: 0,
    details: { name: "kept", [member]: secret },
  }));
  expect(JSON.stringify(withoutPayloads(given))).not.toContain(secret);
  const text = exportDocument(withoutPayloads(given));
  expect(text).not.toContain(secret);
  expect(text).toContain("kept");
  expect(text).toContain("left out on purpose");
});

describe("Texts", () => {
  it("cuts each text, and all of them together, and says so", () => {
    const texts = new Texts(4, 6);
    expect(texts.shown("abcd")).toBe("abcd");
    expect(texts.cut).toBe(false);
    expect(texts.shown("abcd")).toBe("ab\n… cut: 4 B in all");
    expect(texts.shown("")).toBe("");
    expect(texts.cut).toBe(true);
  });
});

it("reads an event's details whatever its type calls them", () => {
  const event = {
    id: 7,
    type: "TaskFailed",
    timestamp: 2.5,
    previousEventId: 6,
    taskFailedEventDetails: { error: "E" },
  };
  expect(eventOf({ frame: 1, event })).toEqual({
    id: 7,
    type: "TaskFailed",
    timestamp: 2.5,
    previousEventId: 6,
    details: { error: "E" },
  });
});

it("escapes for elements and for attributes", () => {
  expect(html`<b title="${`"'<>&`}">${[html`<i>${1}</i>`]}</b>`.text).toBe(
    `<b title="&quot;&#39;&lt;&gt;&amp;"><i>1</i></b>`,
  );
});

it("lays out JSON that is told as text", () => {
  const details = {
    input: '{"a":[1]}',
    inputDetails: { truncated: false },
    assignedVariables: { v: "[2]", w: "3" },
    cause: "{broken",
  };
  expect(readable(details)).toEqual({
    input: { a: [1] },
    assignedVariables: { v: [2], w: 3 },
    cause: "{broken",
  });
});
