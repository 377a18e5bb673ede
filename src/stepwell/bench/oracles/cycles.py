"""Cycles of dependencies between transactions, named by the edges that they are made of.

Adya's phenomena ("Weak Consistency", 1999) as Elle has them (Kingsbury and Alvaro, VLDB 2020): an edge says that one
transaction must come before another, so a cycle says that there is no order. Which edges it takes tells how much is
wrong. With an edge of real time in it the name ends in -realtime: an order exists, but clients have seen another.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

WRITE_WRITE, WRITE_READ, READ_WRITE, REAL_TIME = "ww", "wr", "rw", "rt"

_KINDS = frozenset({WRITE_WRITE, WRITE_READ, READ_WRITE, REAL_TIME})

Edges = Mapping[str, Mapping[str, Mapping[str, str]]]
"""From a node to a node, by kind, why it is there. All nodes are keys of the outer mapping."""

_CLASSES = (
    ("G0", WRITE_WRITE, (WRITE_WRITE,)),
    ("G1c", WRITE_READ, (WRITE_WRITE, WRITE_READ)),
    ("G-single", READ_WRITE, (WRITE_WRITE, WRITE_READ)),
    ("G2-item", READ_WRITE, (WRITE_WRITE, WRITE_READ, READ_WRITE)),
    ("G0-realtime", REAL_TIME, (WRITE_WRITE, REAL_TIME)),
    ("G1c-realtime", REAL_TIME, (WRITE_WRITE, WRITE_READ, REAL_TIME)),
    ("G-single-realtime", READ_WRITE, (WRITE_WRITE, WRITE_READ, REAL_TIME)),
    ("G2-item-realtime", READ_WRITE, (WRITE_WRITE, WRITE_READ, READ_WRITE, REAL_TIME)),
)
"""Name, the kind that closes the cycle, the kinds of the way back. The worst comes first."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """`nodes` in their order, and for each the kind of its edge to the next, the last one's to the first, with why."""

    name: str
    nodes: tuple[str, ...]
    kinds: tuple[str, ...]
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        steps = " ".join(f"{node} -{kind}->" for node, kind in zip(self.nodes, self.kinds, strict=True))
        return f"{self.name}: {steps} {self.nodes[0]} ({'; '.join(self.reasons)})"


def cycles(edges: Edges) -> list[Cycle]:
    """One cycle, a short one of the worst class, for each set of nodes that all depend on each other."""
    return [_worst(edges, component) for component in components(edges, edges, _KINDS)]


def _worst(edges: Edges, component: Collection[str]) -> Cycle:
    for name, closing, back in _CLASSES:
        for part in components(edges, component, {closing, *back}):
            for start in sorted(part):
                for end in _next(edges, start, part, (closing,)):
                    way = _way(edges, end, start, part, back)
                    if way:
                        return _cycle(edges, name, start, way, closing, back)
    raise AssertionError("a set of nodes that depend on each other has a cycle of the last class")


def _cycle(edges: Edges, name: str, start: str, way: list[str], closing: str, back: tuple[str, ...]) -> Cycle:
    """From the edge of the closing kind out of `start`, and the way from its end to `start` again."""
    nodes = (start, *way[:-1])
    kinds = (closing, *(next(kind for kind in back if kind in edges[one][other]) for one, other in pairwise(way)))
    ends = (*nodes[1:], start)
    return Cycle(
        name, nodes, kinds, tuple(edges[one][other][kind] for one, other, kind in zip(nodes, ends, kinds, strict=True))
    )


def _next(edges: Edges, node: str, within: Collection[str], kinds: Collection[str]) -> Iterator[str]:
    return (to for to, why in edges[node].items() if to in within and not why.keys().isdisjoint(kinds))


def _way(edges: Edges, start: str, end: str, within: Collection[str], kinds: Collection[str]) -> list[str]:
    """The shortest way, both ends included; empty where there is none."""
    came_from: dict[str, str | None] = {start: None}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        if node == end:
            return list(_trace(came_from, end))[::-1]
        for to in _next(edges, node, within, kinds):
            if to not in came_from:
                came_from[to] = node
                waiting.append(to)
    return []


def _trace(came_from: Mapping[str, str | None], end: str) -> Iterator[str]:
    node: str | None = end
    while node is not None:
        yield node
        node = came_from[node]


def components(edges: Edges, within: Collection[str], kinds: Collection[str]) -> list[frozenset[str]]:
    """The strongly connected components of more than one node, by edges of these kinds between these nodes.

    Tarjan, SIAM J. Comput. 1 (1972), without recursion: a history is longer than Python's stack.
    """
    search = _Search()
    for root in sorted(within):
        if root in search.index:
            continue
        search.enter(root)
        pending = [(root, _next(edges, root, within, kinds))]
        while pending:
            node, following = pending[-1]
            to = next(following, None)
            if to is None:
                pending.pop()
                search.leave(node, pending[-1][0] if pending else None)
            elif to not in search.index:
                search.enter(to)
                pending.append((to, _next(edges, to, within, kinds)))
            elif to in search.on_stack:
                search.low[node] = min(search.low[node], search.index[to])
    return [component for component in search.found if len(component) > 1]


class _Search:
    """What Tarjan's search knows of the nodes that it has come to."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}
        self.low: dict[str, int] = {}
        self.on_stack: dict[str, None] = {}
        self.found: list[frozenset[str]] = []

    def enter(self, node: str) -> None:
        self.index[node] = self.low[node] = len(self.index)
        self.on_stack[node] = None

    def leave(self, node: str, parent: str | None) -> None:
        if self.low[node] == self.index[node]:
            members: list[str] = []
            while not members or members[-1] != node:
                members.append(self.on_stack.popitem()[0])
            self.found.append(frozenset(members))
        if parent is not None:
            self.low[parent] = min(self.low[parent], self.low[node])
