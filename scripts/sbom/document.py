"""The document: everything that is in an image, as CycloneDX, the same bytes for the same image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts.images import Image, ImageError
from scripts.sbom import bundled, debian, python
from scripts.sbom.licences import named
from scripts.sbom.root import Root

LABEL = "org.opencontainers.image."
UNKNOWN_TIME = "1970-01-01T00:00:00+00:00"
KINDS = {"bin": ComponentType.MACHINE_LEARNING_MODEL, "csv": ComponentType.DATA}


def document(image: Image) -> str:
    """Return the bill of materials of an image."""
    root = Root(image.layers())
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, image.identifier),
        components=[
            debian.operating_system(root),
            *debian.packages(root),
            *python.interpreters(root),
            *_distributions(root),
            _application(image, root),
        ],
    )
    bom.metadata.timestamp = datetime.fromisoformat(image.config.get("created", UNKNOWN_TIME))
    bom.metadata.tools.components.add(this_component())
    bom.metadata.component = subject = _image(image)
    bom.register_dependency(subject, bom.components)
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error:
        raise ImageError(f"the document is not CycloneDX: {error}")
    return text + "\n"


def _image(image: Image) -> Component:
    labels = _labels(image)
    return Component(
        name=labels.get("title", "image"),
        version=labels.get("version"),
        type=ComponentType.CONTAINER,
        bom_ref=image.identifier,
        description=labels.get("description"),
        properties=[
            Property(name="oci:image:id", value=image.identifier),
            Property(name="oci:image:architecture", value=image.config.get("architecture")),
            *(Property(name=LABEL + key, value=value) for key, value in labels.items()),
        ],
    )


def _distributions(root: Root) -> Iterator[Component]:
    installed = defaultdict(list)
    for distribution in python.distributions(root):
        installed[distribution.key].append(distribution)
    for places in installed.values():
        yield python.component(root, places, bundled.parts(root, places))


def _application(image: Image, root: Root) -> Component:
    """Return our own code, by the labels of the image, with the models and data beside it."""
    labels = _labels(image)
    licence = labels.get("licenses")
    return Component(
        name=labels.get("title", "application"),
        version=labels.get("version"),
        type=ComponentType.APPLICATION,
        bom_ref="application",
        licenses=[named(licence)] if licence else [],
        properties=[Property(name=LABEL + "revision", value=labels.get("revision"))],
        components=[
            Component(
                name=f"/{path}",
                type=KINDS.get(path.rpartition(".")[2], ComponentType.FILE),
                bom_ref=f"/{path}",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            )
            for path, digest in root.digests.items()
            if path.startswith("app/")
        ],
    )


def _labels(image: Image) -> dict[str, str]:
    labels = image.config.get("config", {}).get("Labels") or {}
    return {
        name.removeprefix(LABEL): value for name, value in labels.items() if name.startswith(LABEL)
    }
