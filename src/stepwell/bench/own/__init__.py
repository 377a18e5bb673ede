"""A person's own workflow under the same faults and the same kind of oracle as the benchmark's.

`init` runs a project once, undisturbed, and writes down what it did to state; `run` breaks it and its prototypes.
"""

from stepwell.bench.own.init import init
from stepwell.bench.own.run import Options, run
from stepwell.bench.own.template import UnusableProject

__all__ = ["Options", "UnusableProject", "init", "run"]
