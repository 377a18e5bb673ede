"""The small project that `stepwell init NAME` makes."""

import re
from pathlib import Path

from stepwell.project.plan import ProjectError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}", re.ASCII)

_FLOW = """\
Comment: Greets people and stops for those whom nobody should greet.
StartAt: Check
States:
  Check:
    Type: Task
    Resource: handlers.check
    Retry:
      - ErrorEquals: [States.TaskFailed]
        IntervalSeconds: 1
        MaxAttempts: 3
        BackoffRate: 2
    Next: Is anybody there?

  Is anybody there?:
    Type: Choice
    Choices:
      - Variable: $.count
        NumericGreaterThan: 0
        Next: Greet all
    Default: Nobody

  Greet all:
    Type: Map
    ItemsPath: $.names
    MaxConcurrency: 4
    ItemProcessor:
      StartAt: Greet
      States:
        Greet:
          Type: Task
          Resource: handlers.greet
          End: true
    End: true

  Nobody:
    Type: Fail
    Error: NobodyThere
    Cause: The list of names is empty.
"""

_HANDLERS = '''\
"""The functions that flow.asl.yaml names. Each takes a Task's input and returns its result."""


def check(event, context):
    names = [name.strip() for name in event.get("names", []) if name.strip()]
    return {"names": names, "count": len(names)}


def greet(name, context):
    return f"Hello, {name}!"
'''

_INPUT = """\
{"names": ["Ada", "Grace", "Barbara"]}
"""

_README = """\
# {name}

| file | what it is |
|---|---|
| `flow.asl.yaml` | the workflow, in the Amazon States Language |
| `handlers.py` | the functions that it calls: `Resource: handlers.greet` is the function `greet` |
| `input.json` | an input to try |

Run it once and watch each state:

    stepwell run {name} --input @input.json

Or start the endpoint and speak to it with boto3 or the AWS CLI:

    stepwell up

Packages that the functions need go into a `requirements.txt` in this folder.
"""


def create_project(name: str, directory: Path) -> Path:
    """Makes the folder `directory/name` with a project that runs at once, and returns it.

    Raises `ProjectError` for names that would not be fit for functions, and where something of that name exists.
    """
    if not _NAME.fullmatch(name):
        raise ProjectError(f"{name!r} is no project name: up to 40 letters, digits, - and _, a letter first")
    folder = directory / name
    files = {
        "flow.asl.yaml": _FLOW,
        "handlers.py": _HANDLERS,
        "input.json": _INPUT,
        "README.md": _README.format(name=name),
    }
    try:
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise ProjectError(f"{folder} exists already: choose another name or another directory") from None
    except OSError as error:
        raise ProjectError(f"cannot make {folder}: {error.strerror}") from None
    return folder
