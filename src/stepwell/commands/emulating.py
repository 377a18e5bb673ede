"""An emulator of AWS's other services beside the endpoint, when a project needs one and nobody has named any."""

import dataclasses
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from stepwell.commands.hosting import Hosting
from stepwell.commands.output import say
from stepwell.processes.children import START_SECONDS, BackEndFailed, free_ports
from stepwell.processes.emulator import MODULE, emulator, is_installed
from stepwell.project.aws import CREATED, create, needed_services
from stepwell.project.plan import Plan
from stepwell.tasks.endpoints import Endpoints


@contextmanager
def emulated(plan: Plan, hosting: Hosting, folder: Path, *, keep: bool) -> Iterator[tuple[Plan, Hosting]]:
    """The plan and the hosting to go on with. What an emulator was started for is created there.

    With `keep` it keeps its data in `folder`, where it always logs. Raises `click.ClickException`.
    """
    missing = {service: who for service, who in needed_services(plan).items() if not _is_named(service, hosting)}
    if not missing:
        yield plan, hosting
        return
    if not is_installed():
        service, who = next(iter(missing.items()))
        raise click.ClickException(
            f"{who} needs the AWS service {service}. Name where it is with --aws-endpoint {service}=URL, or let "
            f"Stepwell start {MODULE}, which plays it: pip install 'stepwell[aws]'"
        )
    folder.mkdir(parents=True, exist_ok=True)
    [port] = free_ports(1)
    child = emulator(MODULE, folder.resolve(), port, _kept(folder.resolve()) if keep else {})
    try:
        child.start()
        child.wait(time.monotonic() + START_SECONDS)
        url = f"http://127.0.0.1:{port}"
        say(f"{MODULE} plays other AWS services on {url} ({', '.join(sorted(missing))})")
        yield (
            _created(plan, url, missing.keys()),
            dataclasses.replace(hosting, aws_endpoints={"": url, **hosting.aws_endpoints}),
        )
    except BackEndFailed as error:
        raise click.ClickException(str(error)) from None
    finally:
        child.stop()


def _is_named(service: str, hosting: Hosting) -> bool:
    return service in hosting.aws_endpoints or "" in hosting.aws_endpoints


def _kept(folder: Path) -> dict[str, str]:
    return {
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
    }


def _created(plan: Plan, url: str, services: Collection[str]) -> Plan:
    """The plan without what the emulator now has among what is not deployed."""
    endpoints = Endpoints({"": url})
    mine = [resource for resource in plan.aws if CREATED[resource.type][0] in services]
    try:
        failed = create(mine, endpoints, lambda text: say(f"  {text}", "dim"))
    finally:
        endpoints.close()
    tried = {(resource.logical_id, resource.type) for resource in mine}
    skipped = [item for item in plan.skipped if (item.logical_id, item.type) not in tried]
    return dataclasses.replace(plan, skipped=(*skipped, *failed))
