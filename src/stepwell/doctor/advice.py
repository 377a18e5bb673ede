"""Why each finding matters and what mends it, for all that share its cause. `docs/doctor.md` lists the same checks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    why: str
    fix: str


_STOP = "Executions that nobody can answer any more: `aws stepfunctions stop-execution`."

ADVICE = {
    "stuck-token": Advice(
        "If the token is lost or its receiver dies, nothing ends the wait: a Standard execution stays RUNNING for up to"
        " a year, and nobody is told.",
        "Give the state HeartbeatSeconds and let the receiver send heartbeats, TimeoutSeconds as its maximum age, and"
        f" a Catch of States.Timeout and States.HeartbeatTimeout that leads to a fallback. {_STOP}",
    ),
    "stuck-activity": Advice(
        "A task that no worker takes waits without end, and all tasks behind it too.",
        "Start a worker that polls this activity (GetActivityTask); give the state TimeoutSeconds and HeartbeatSeconds"
        f" with a Catch of States.Timeout, so that a missing worker is noticed. {_STOP}",
    ),
    "stuck-call": Advice(
        "The service was called and has not answered. Without a time limit the state waits for as long as the service"
        " lets it.",
        "Give the state TimeoutSeconds, a little above the function's own limit, with a Retry or a Catch of"
        " States.Timeout. See the called function's log for this time.",
    ),
    "stuck-nested": Advice(
        "The execution waits for another one to end; whatever holds that one holds this one.",
        "Look at the nested execution first. Give it a TimeoutSeconds of its own, and this state a Catch of"
        " States.Timeout.",
    ),
    "stuck-timer": Advice(
        "The execution goes on by itself when the time has come. It is wrong only if the time is: a date of the wrong"
        " century, or milliseconds taken for seconds.",
        "Nothing, if the time is meant. Otherwise stop the execution and correct what the Wait state reads.",
    ),
    "stuck-retry": Advice(
        "The task fails again and again; with a growing interval an execution can look alive for days.",
        "Mend the cause of the error. Bound the retries with MaxAttempts and MaxDelaySeconds, retry only errors that"
        " pass by themselves, and let a Catch take what remains.",
    ),
    "stuck-unknown": Advice(
        "The history ends in a state that has nothing to wait for, so whoever runs the execution does not get on.",
        "See whether the endpoint is overloaded or its store is full; on AWS, see the service's health dashboard.",
    ),
    "repeated-task": Advice(
        "The attempt before ended without saying how far it came: what it did to the outside world may be done, and is"
        " done again.",
        "Give the task a key that is the same for every attempt, such as States.Format('{}/{}', $$.Execution.Name,"
        " $$.State.Name), and have whoever has the effect refuse a key that it knows.",
    ),
    "repeated-branch": Advice(
        "A Parallel or Map is retried as a whole: tasks within it that had succeeded run once more.",
        "Put the Retry on the tasks inside, and only a Catch on the Parallel or Map; give tasks with effects an"
        " idempotency key.",
    ),
    "repeated-invocation": Advice(
        "Lambda repeats an asynchronous invocation after an error, with the same request id. An effect that the first"
        " one had is had again.",
        "Make the function idempotent by its request id or, better, by an id of its event: one conditional put before"
        " the effect, or an idempotency key at the provider.",
    ),
    "repeated-request": Advice(
        "Queues, event sources and retries deliver at least once. Every attempt after the first can repeat the effect.",
        "Hand the effect's receiver an idempotency key that is the same for all attempts of a request. Where it takes"
        " none, claim the request with a conditional put first, and decide which of lost and doubled is worse.",
    ),
    "hot-key": Advice(
        "One key is served by one partition (DynamoDB: 1,000 write units a second) and by one writer at a time: more"
        " clients make more conflicts and not more work.",
        "Split the key (a random suffix and a sum on reading), or send its writes through one writer: a FIFO queue with"
        " the key as message group. Retry refused writes with jitter.",
    ),
    "cold-starts": Advice(
        "Who meets a cold start waits for the worker and its imports as well; connections are made anew.",
        "Import less at the top, make clients once per worker, send less code. For a latency budget: provisioned"
        " concurrency, or a steadier load.",
    ),
    "polling-loop": Advice(
        "Every turn of the loop is billed as state transitions, and adds events to a history that holds 25,000.",
        "Wait for the event instead: the .sync form of the service, or .waitForTaskToken and an event that sends the"
        " token. Otherwise a longer Wait.",
    ),
    "could-be-express": Advice(
        "Standard bills each transition, Express each request and its duration: for short and frequent executions that"
        " is often many times cheaper.",
        "Make it an Express state machine if every task may run twice: Express executions run at least once, have no"
        " execution names that refuse a second start, and no history.",
    ),
    "limit-passed": Advice(
        "The execution came near a quota of AWS's, or passed one that is lifted here: on AWS it would have failed.",
        "Look at the field that it names, and keep what is large elsewhere. Run with `--limits aws` to see what AWS"
        " would do.",
    ),
    "payload-near-limit": Advice(
        "A state's input or output above 262,144 bytes (256 KiB) fails the execution with States.DataLimitExceeded.",
        "Put the data into S3 and pass its key, or select what the next states need (ResultSelector, OutputPath, or"
        " Output with JSONata).",
    ),
    "history-near-limit": Advice(
        "An execution fails for good when its history reaches 25,000 events.",
        "Start a new execution from the old one before that, or move the loop's body into nested executions or into a"
        " Map in DISTRIBUTED mode.",
    ),
    "no-retry": Advice(
        "Lambda's own passing errors (a throttled call, a lost worker) then fail the execution.",
        "Retry Lambda.ServiceException, Lambda.AWSLambdaException, Lambda.SdkClientException and"
        " Lambda.TooManyRequestsException with IntervalSeconds 1, MaxAttempts 3, BackoffRate 2 and JitterStrategy FULL;"
        " the function may then run twice, so give it an idempotency key.",
    ),
    "unbounded-wait": Advice(
        "If the answer never comes, the execution stays RUNNING for up to a year.",
        "Give the state HeartbeatSeconds or TimeoutSeconds, and a Catch that leads to a fallback.",
    ),
    "no-catch-around-branches": Advice(
        "When one branch fails, the others are stopped wherever they are and the execution fails: what they had done"
        " stays done, and nothing makes up for it.",
        "Catch States.ALL on the state and lead to what compensates, or catch within each branch so that the others end"
        " in order.",
    ),
}  # fmt: skip
