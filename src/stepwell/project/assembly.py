"""What `cdk synth` writes: the templates of a cloud assembly, and where the files lie that they expect in S3.

The assembly's `manifest.json` names the templates, the asset manifests beside it each asset with its bucket and key.
Source: the cloud assembly schema of the AWS CDK, github.com/aws/aws-cdk-cli, packages/@aws-cdk/cloud-assembly-schema.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepwell.project.files import inside, parse_json, read_text
from stepwell.project.plan import ACCOUNT, PARTITION, REGION, ProjectError

_MARK = "cdk.out"
"""The file that tells an assembly's folder from others that hold some manifest."""
_MANIFEST = "manifest.json"
_STACK = "aws:cloudformation:stack"
_ASSETS = "cdk:asset-manifest"
_STAGE = "cdk:cloud-assembly"
_PSEUDO = {"${AWS::AccountId}": ACCOUNT, "${AWS::Partition}": PARTITION, "${AWS::Region}": REGION}


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack. `assets` are paths relative to its template, by the bucket and key that the template gives.

    `root` is the folder of the whole assembly, which holds the assets of its stages, too.
    """

    name: str
    root: Path
    assets: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def asset(self, location: Any) -> str | None:
        """The path of an object of S3 as a template writes it; None for one that is no asset."""
        if not isinstance(location, dict):
            return None
        bucket, key = location.get("S3Bucket", location.get("Bucket")), location.get("S3Key", location.get("Key"))
        return self.assets.get((bucket, key)) if isinstance(bucket, str) and isinstance(key, str) else None


def templates(folder: Path) -> list[Path]:
    """The templates of the assembly in a folder and of its stages; none without one. Raises `ProjectError`."""
    manifest = folder / _MANIFEST
    found = [_inside(manifest, stack, "templateFile") for _, stack in _artifacts(folder, _STACK)]
    for _, stage in _artifacts(folder, _STAGE):
        found += templates(_inside(manifest, stage, "directoryName"))
    return found


def stack_of(template: Path) -> Stack:
    """The stack of a template. One that is in no assembly has the name of its folder. Raises `ProjectError`."""
    folder = template.parent.resolve()
    for name, stack in _artifacts(folder, _STACK):
        if stack.get("templateFile") == template.name:
            return Stack(str(stack.get("stackName", name)), _root(folder), dict(_assets(folder)))
    return Stack(folder.name, folder)


def _root(folder: Path) -> Path:
    for parent in folder.parents:
        if not (parent / _MARK).is_file():
            break
        folder = parent
    return folder


def _assets(folder: Path) -> Iterator[tuple[tuple[str, str], str]]:
    for _, properties in _artifacts(folder, _ASSETS):
        file = _inside(folder / _MANIFEST, properties, "file")
        for asset in _mapping(parse_json(read_text(file), file), "files").values():
            for destination in _mapping(asset, "destinations").values():
                place = _settled(destination, "bucketName"), _settled(destination, "objectKey")
                # What is made by a command when it is deployed has no path.
                if path := _mapping(asset, "source").get("path"):
                    yield place, str(path)


def _artifacts(folder: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and properties of each artifact of a kind; nothing if the folder holds no assembly."""
    file = folder / _MANIFEST
    if not (folder / _MARK).is_file():
        return
    manifest = parse_json(read_text(file), file)
    for name, artifact in _mapping(manifest, "artifacts").items():
        if isinstance(artifact, dict) and artifact.get("type") == kind:
            yield name, _mapping(artifact, "properties")


def _inside(manifest: Path, properties: Any, name: str) -> Path:
    """The file or folder that a property of the manifest names, below the manifest's own folder."""
    path = inside(manifest.parent, _text(properties, name), name, manifest)
    if path == manifest.parent.resolve():
        raise ProjectError(f"{name} is the assembly itself", manifest)
    return path


def _settled(destination: Any, name: str) -> str:
    text = _text(destination, name)
    for placeholder, value in _PSEUDO.items():
        text = text.replace(placeholder, value)
    return text


def _mapping(holder: Any, name: str) -> dict[str, Any]:
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def _text(holder: Any, name: str) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(value, str):
        return value
    raise ProjectError(f"a file of the cloud assembly has no {name}: run `cdk synth` again")
