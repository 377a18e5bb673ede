"""How an order goes from step to step, before and after each change: one small module for each way and version.

`flow(do, event)` is what one invocation does with one event: `do(step, state)` does a step under the strategy that the
event names and gives the state after it. The steps are the same lines under all strategies. Imports only `call`.
"""

from collections.abc import Callable

from stepwell.bench.worker.call import Record

Do = Callable[[str, Record], Record]
