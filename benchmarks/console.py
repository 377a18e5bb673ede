"""`make console-perf`: how fast the console's pages are, in Chromium against a real server. Prints JSON.

First paint is from the start of the navigation to the timeline, and to the graph as well. `cold` is a new browser
profile; `warm` is the same address again in the same one. Absolute times depend on the machine and what else it does.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/browser"))
import chromium  # noqa: E402 - where it is was only now made known

from definitions import LOOP, PASS, ROLE, rounds  # noqa: E402

EVENTS = (1_998, 24_898)
PAINTS = 5
EXECUTIONS = 5_000
UPDATES = 5_000
CLIENTS = 8
SCROLL_SECONDS = 8
LONG_FRAME_MS = 50
VIEWPORT = {"width": 1280, "height": 800}
PATIENCE_SECONDS = 120

SHOWN = "(selector) => document.querySelector(selector) && performance.now()"
TIMELINE, GRAPH = "[role=treeitem]", ".react-flow__node"
LIST = "main [role=list].virtual, main .virtual"

SCROLL = """async ([selector, seconds]) => {
  const list = document.querySelector(selector);
  const frames = [];
  const begun = performance.now();
  let last = begun;
  while (last - begun < seconds * 1000) {
    list.scrollTop += 300;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  return { frames, scrolled_px: list.scrollTop };
}"""


# --- the server and what is on it


@contextmanager
def server() -> Iterator[tuple[str, Any]]:
    """`stepwell serve` on a new SQLite file; its address and a client."""
    with tempfile.TemporaryDirectory(prefix="stepwell-console-perf-") as folder:
        command = [sys.executable, "-m", "stepwell", "serve", "--port", "0", "--limits", "aws"]
        process = subprocess.Popen(
            [*command, "--store", f"sqlite:///{folder}/stepwell.sqlite"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            url = next(word for line in process.stdout for word in line.split() if word.startswith("http://"))
            yield url, client(url)
        finally:
            process.terminate()
            process.wait()


def client(url: str) -> Any:
    return boto3.client(
        "stepfunctions", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x",
        config=Config(max_pool_connections=CLIENTS),
    )  # fmt: skip


def create(steps: Any, name: str, definition: dict[str, Any]) -> str:
    reply = steps.create_state_machine(name=name, roleArn=ROLE, definition=json.dumps(definition))
    return str(reply["stateMachineArn"])


def looped(steps: Any, machine: str, events: int) -> str:
    """An execution with so many events, ended."""
    value = json.dumps(rounds(events))
    arn = str(steps.start_execution(stateMachineArn=machine, name=f"events-{events}", input=value)["executionArn"])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while steps.describe_execution(executionArn=arn)["status"] == "RUNNING":
        assert time.monotonic() < deadline, arn
        time.sleep(0.1)
    return arn


def start_many(steps: Any, machine: str, count: int) -> None:
    def start(number: int) -> None:
        steps.start_execution(stateMachineArn=machine, input=json.dumps({"number": number}))

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(start, range(count)):
            pass


# --- what is measured


def first_paint(browser: Browser, url: str) -> dict[str, Any]:
    """Milliseconds until the timeline and the graph are there, in a new profile, and then again in the same one."""
    times: dict[str, list[float]] = {}
    for _ in range(PAINTS):
        with profile(browser) as page:
            for kind in ("cold", "warm"):
                page.goto(url, wait_until="commit")
                for part, selector in (("timeline", TIMELINE), ("graph", GRAPH)):
                    shown = page.wait_for_function(SHOWN, arg=selector, timeout=PATIENCE_SECONDS * 1000)
                    times.setdefault(f"{kind}_{part}_ms", []).append(shown.json_value())
    return {name: spread(each) for name, each in times.items()}


def spread(times: list[float]) -> dict[str, int]:
    ordered = sorted(times)
    return {"median": round(ordered[len(ordered) // 2]), "least": round(ordered[0]), "most": round(ordered[-1])}


def scrolling(browser: Browser, url: str) -> dict[str, Any]:
    """Frames while the list of executions is scrolled as fast as it goes, 300 px a frame."""
    with profile(browser) as page:
        page.goto(url)
        page.wait_for_selector(LIST)
        page.wait_for_function("(selector) => document.querySelector(selector).querySelector('a')", arg=LIST)
        found = page.evaluate(SCROLL, [LIST, SCROLL_SECONDS])
    frames = found["frames"]
    long = [frame for frame in frames if frame > LONG_FRAME_MS]
    return {
        "frames": len(frames), "frames_over_50_ms": len(long), "longest_ms": round(max(frames)),
        "scrolled_px": round(found["scrolled_px"]),
    }  # fmt: skip


def live_heap(browser: Browser, url: str, update: Callable[[], None]) -> dict[str, Any]:
    """The page's heap after garbage collection, before and after a flood of news."""
    with profile(browser) as page:
        session = page.context.new_cdp_session(page)
        page.goto(url)
        page.wait_for_selector(LIST)
        page.wait_for_timeout(2_000)
        before = heap_mb(session)
        update()
        page.wait_for_timeout(3_000)
        return {"updates": UPDATES, "before_mb": before, "after_mb": heap_mb(session)}


def heap_mb(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(round(session.send("Runtime.getHeapUsage")["usedSize"] / 1e6, 1))


@contextmanager
def profile(browser: Browser) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(viewport=VIEWPORT)
    try:
        yield context.new_page()
    finally:
        context.close()


def main() -> int:
    path = chromium.find()
    if path is None:
        print(f"there is no Chromium; name one by {chromium.VARIABLE}", file=sys.stderr)
        return 1
    with server() as (url, steps), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        loop, simple = create(steps, "Loop", LOOP), create(steps, "Pass", PASS)
        results: dict[str, Any] = {}
        for events in EVENTS:
            arn = looped(steps, loop, events)
            results[f"first_paint_{events}_events"] = first_paint(browser, f"{url}/console/executions/{arn}")
        start_many(steps, simple, EXECUTIONS)
        executions = f"{url}/console/executions"
        results[f"scrolling_{EXECUTIONS}_executions"] = scrolling(browser, executions)
        results["live_list_heap"] = live_heap(browser, executions, lambda: start_many(steps, simple, UPDATES))
        browser.close()
    print(json.dumps(results, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
