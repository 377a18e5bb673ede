"""Why an execution that is RUNNING does not get on: for whom or what it waits, since when, and what bounds the wait.

A wait that nothing bounds is a problem. One that ends by itself, by a heartbeat, a time limit or a timer, is a note.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from stepwell.commands.flow import FAILED, FAILING, State, outwards
from stepwell.commands.tree import duration, failure, path, plain
from stepwell.doctor.definitions import ANY_TASK_ERROR, states
from stepwell.doctor.findings import NOTE, PROBLEM, Finding, moment
from stepwell.doctor.story import UNLIMITED_SECONDS, Attempt, Story

OVERDUE_SECONDS = 60.0
"""How late a timer may be before that is a finding of its own."""

_RETRY_SECONDS, _RETRY_RATE, _RETRY_ATTEMPTS = 1, 2.0, 3
"""What a retrier without these members has."""

_Answer = tuple[str, str, str, str]
"""check, severity, what, and what is peculiar to this execution."""


def stuck(
    machine: str, story: Story, definition: Mapping[str, Any], now: float, after_seconds: float
) -> Iterator[Finding]:
    """A finding for each state that the execution has waited for since at least `after_seconds`."""
    leaves = story.open_leaves()
    if not leaves and now - story.latest_at >= after_seconds:
        what = "no state is open and the execution has not ended"
        evidence = f"{story.label}, no event since {_since(story.latest_at, now)}"
        yield Finding("stuck-unknown", PROBLEM, machine, what, (evidence,))
    members = dict(states(definition))
    for leaf in leaves:
        since = _waits_since(leaf, story)
        if now - since >= after_seconds:
            check, severity, what, more = _explain(leaf, story, members, now)
            ends = definition.get("TimeoutSeconds")
            if ends and check != "stuck-timer":
                severity, more = NOTE, f"{more}; the machine's TimeoutSeconds ends it {_ends(story, ends)}"
            evidence = f"{story.label}, since {_since(since, now)}{more}"
            yield Finding(check, severity, f"{machine} > {path(leaf)}", what, (evidence,))


def _since(at: float, now: float) -> str:
    return f"{moment(at)} ({duration(now - at)})"


def _ends(story: Story, seconds: float) -> str:
    return f"at {moment((story.flow.redriven_at or story.flow.started_at) + seconds)}"


def _waits_since(leaf: State, story: Story) -> float:
    """A task that is retried has waited since it was entered: every attempt has an event."""
    attempt = story.attempts.get(leaf)
    return _begun_at(leaf) if attempt is None or leaf.status == FAILING else attempt.latest_at


def _begun_at(leaf: State) -> float:
    """When the state began to work: a redrive lets it begin again."""
    return leaf.resumed_at or leaf.entered_at


def _explain(leaf: State, story: Story, members: Mapping[str, Mapping[str, Any]], now: float) -> _Answer:
    if leaf.type == "Wait":
        return _timer(leaf, members.get(leaf.name, {}), now)
    if leaf.status == FAILING or any(part.states[-1].status == FAILED for part in leaf.branches if part.states):
        return _retry(leaf, story, members, now)
    if leaf.type == "Task" and leaf in story.attempts:
        return _task(leaf, story)
    if _mode(members.get(leaf.name, {})) == "DISTRIBUTED":
        return "stuck-nested", NOTE, "waits for its map run", ""
    return "stuck-unknown", PROBLEM, f"a {leaf.type} state was entered and nothing has happened in it since", ""


def _mode(state: Mapping[str, Any]) -> str:
    """A Map in mode DISTRIBUTED has its iterations in executions of their own, which its history does not show."""
    return str(state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode", "INLINE"))


def _timer(leaf: State, state: Mapping[str, Any], now: float) -> _Answer:
    due, source = _due(_begun_at(leaf), state)
    if due is None:
        return "stuck-timer", NOTE, f"waits for a timer, whose time comes from {source}", ""
    if now - due > OVERDUE_SECONDS:
        return "stuck-unknown", PROBLEM, "waits for a timer that should have fired", f", due {moment(due)}"
    return "stuck-timer", NOTE, "waits for a timer", f", until {moment(due)}"


def _due(begun_at: float, state: Mapping[str, Any]) -> tuple[float | None, str]:
    """When a Wait state ends, or None and where the time comes from."""
    seconds, timestamp = state.get("Seconds"), state.get("Timestamp")
    if isinstance(seconds, int | float):
        return begun_at + seconds, ""
    if isinstance(timestamp, str) and not timestamp.lstrip().startswith("{%"):
        return datetime.fromisoformat(timestamp).timestamp(), ""
    member = next((name for name in ("SecondsPath", "TimestampPath", "Seconds", "Timestamp") if name in state), "")
    return None, f"{member}: {state[member]}" if member else "its input"


def _retry(leaf: State, story: Story, members: Mapping[str, Mapping[str, Any]], now: float) -> _Answer:
    """The state itself is retried, or a Parallel or Map around it as a whole."""
    failed = plain(failure(leaf.error, leaf.cause)) or "an error"
    failed_at = story.attempts[leaf].latest_at if leaf in story.attempts else story.latest_at
    for around in outwards(leaf):
        if not isinstance(around, State):
            continue
        interval = _interval(around, leaf.error, members.get(around.name, {}))
        if interval is not None:
            due = failed_at + interval
            text = f", attempt {around.attempts} failed with {failed}; the next is due by {moment(due)}"
            if now - due > OVERDUE_SECONDS:
                return "stuck-unknown", PROBLEM, "waits for a retry that should have begun", text
            return "stuck-retry", PROBLEM, "fails and is retried", text
    return "stuck-unknown", PROBLEM, "failed, and what follows has not happened", f", failed with {failed}"


def _interval(state: State, error: str | None, member: Mapping[str, Any]) -> float | None:
    """The longest that the next attempt can be away. Attempts count as if all had failed with this retrier's errors.

    The error is None where the history does not name it; any retrier may then be the one.
    """
    for retrier in member.get("Retry", ()):
        names = set(retrier["ErrorEquals"])
        if error is None or error in names or names & ANY_TASK_ERROR:
            if state.attempts > retrier.get("MaxAttempts", _RETRY_ATTEMPTS):
                return None
            first, rate = retrier.get("IntervalSeconds", _RETRY_SECONDS), retrier.get("BackoffRate", _RETRY_RATE)
            most = retrier.get("MaxDelaySeconds", UNLIMITED_SECONDS)
            # A large power of a rate is no float any more; the exponent that matters is small.
            return float(min(first * rate ** min(state.attempts - 1, 100), most))
    return None


def _task(leaf: State, story: Story) -> _Answer:
    attempt = story.attempts[leaf]
    bound, severity = _bound(attempt.scheduled)
    check, what, more = _awaited(attempt)
    return check, severity, f"{what}, {bound}", more


def _awaited(attempt: Attempt) -> tuple[str, str, str]:
    """check, what, and what is peculiar to this execution."""
    resource = str(attempt.scheduled.get("resource", ""))
    if ":activity:" in resource:
        taken = attempt.latest != "ActivityScheduled"
        who = "a worker took it and has not answered" if taken else "no worker has taken it"
        return "stuck-activity", f"{who}: activity {resource.rpartition(':')[2]}", ""
    if attempt.latest == "TaskSubmitted" and resource.endswith(".waitForTaskToken"):
        return "stuck-token", "waits for its task token to be sent back", ""
    if attempt.latest == "TaskSubmitted":
        id = attempt.submitted.get("ExecutionArn")
        return "stuck-nested", "waits for a nested execution or job", f", which is {plain(str(id))}" if id else ""
    called = ":".join(filter(None, (attempt.scheduled.get("resourceType"), resource)))
    return "stuck-call", f"called {called} and has no answer", ""


def _bound(scheduled: Mapping[str, Any]) -> tuple[str, str]:
    """What ends the wait in the end, in words, and the severity that this makes."""
    limits = {"a heartbeat": scheduled.get("heartbeatInSeconds"), "a time limit": scheduled.get("timeoutInSeconds")}
    found = [f"{name} of {seconds:,} s" for name, seconds in limits.items() if seconds and seconds < UNLIMITED_SECONDS]
    if found:
        return f"with {' and '.join(found)}", NOTE
    return "with neither heartbeat nor time limit", PROBLEM
