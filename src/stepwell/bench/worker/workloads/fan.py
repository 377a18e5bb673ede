"""Branches that are worked on at once, and one join when all are done.

Each branch comes as a delivery of its own, as from a topic with subscribers. An orchestrator knows when the last one is
done; all others count those that have arrived in a record, and who comes last does the join.
"""

from dataclasses import replace

from stepwell.bench.worker.call import Call, Record, State, Step, Strategy
from stepwell.bench.worker.workloads import once, raise_by_one

BRANCHES = 4
JOIN = "join"
NAMES = tuple(f"branch-{number}" for number in range(BRANCHES))


def branch(strategy: Strategy, call: Call, state: State) -> Record:
    """The work of the branch whose number the state has."""
    name = NAMES[state["branch"]]
    return once(strategy, _of_branch(call, state), lambda: {name: strategy.emit(call, name)["sequence"]})


def arrive(strategy: Strategy, call: Call, state: State) -> Record:
    """Counts the branch: {arrived} is how many there are now."""
    return {"arrived": raise_by_one(strategy, _of_branch(call, state), state["record"])["value"]}


def join(strategy: Strategy, call: Call, state: State) -> Record:
    """What is done once, after the last branch."""
    if state["arrived"] < BRANCHES:
        return {}
    return once(strategy, call, lambda: {JOIN: strategy.emit(call, JOIN)["sequence"]})


def _of_branch(call: Call, state: State) -> Call:
    """Each branch is remembered by itself, in its steps and in what it has changed."""
    return replace(call, request=f"{call.request}/{state['branch']}")


STEPS: dict[str, Step] = {"branch": branch, "arrive": arrive, JOIN: join}
