"""What the doctor says: findings that lead back to ids, figures, and how far it has looked."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from stepwell.doctor.advice import ADVICE

PROBLEM, NOTE = "problem", "note"
"""A problem is to be mended. A note is right if it is meant that way, and wrong only if not."""

EVIDENCE_MAX = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """Something seen `count` times at `subject`. `evidence` names the first few of them; `check` is a key of ADVICE."""

    check: str
    severity: str
    subject: str
    what: str
    evidence: tuple[str, ...]
    count: int = 1

    def members(self) -> dict[str, Any]:
        advice = ADVICE[self.check]
        return {
            "check": self.check,
            "severity": self.severity,
            "subject": self.subject,
            "what": self.what,
            "count": self.count,
            "evidence": list(self.evidence),
            "why": advice.why,
            "fix": advice.fix,
        }


@dataclass(frozen=True, slots=True)
class Table:
    """Figures, with what they rest on in a sentence. Cells are as a person reads them."""

    title: str
    basis: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def members(self) -> dict[str, Any]:
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "basis": self.basis, "rows": rows}


@dataclass(slots=True)
class Diagnosis:
    """All that was found at `target`, and what was looked at and what was not, in sentences."""

    target: str
    findings: list[Finding] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    not_looked_at: list[str] = field(default_factory=list)

    @property
    def has_problems(self) -> bool:
        return any(finding.severity == PROBLEM for finding in self.findings)

    def members(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "findings": [finding.members() for finding in self.findings],
            "figures": [table.members() for table in self.tables],
            "lookedAt": self.looked_at,
            "notLookedAt": self.not_looked_at,
        }


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for all that differ in their evidence alone; problems first, then what was seen most often."""
    groups: dict[Finding, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(replace(finding, evidence=(), count=0), []).append(finding)
    whole = [
        replace(
            group,
            count=sum(each.count for each in members),
            evidence=tuple(text for each in members for text in each.evidence)[:EVIDENCE_MAX],
        )
        for group, members in groups.items()
    ]
    return sorted(whole, key=lambda finding: (finding.severity != PROBLEM, -finding.count))


def moment(seconds: float) -> str:
    """A time as a person's clock shows it."""
    try:
        return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "the end of time"


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"
