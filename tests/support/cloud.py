"""An AWS account on this machine: moto's server in a process of its own, and the real AWS CLI."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.support.servers import free_port
from tests.support.shipped import ROOT
from tests.support.waiting import PATIENCE, wait_until

AWS = Path(sys.executable).with_name("aws")


@dataclass(frozen=True)
class Cloud:
    """The account, empty but for a default VPC.

    Attributes
    ----------
    environment : dict
        What the AWS CLI and deploy.py need to know to find it.
    """

    environment: dict[str, str]

    def client(self, service: str) -> Any:
        """Return boto3's client of a service."""
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106  # nobody's
        )

    def aws(self, *arguments: str) -> str:
        """Run the AWS CLI; return what it prints."""
        done = subprocess.run(
            [AWS, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def network(self) -> dict[str, str]:
        """Return the parameters that say where a stack goes: the default VPC, two subnets."""
        ec2 = self.client("ec2")
        default = [{"Name": "is-default", "Values": ["true"]}]
        (vpc,) = ec2.describe_vpcs(Filters=default)["Vpcs"]
        inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
        subnets = ec2.describe_subnets(Filters=inside)["Subnets"]
        names = sorted(subnet["SubnetId"] for subnet in subnets)
        return {"VpcId": vpc["VpcId"], "Subnets": ",".join(names[:2])}


@contextmanager
def running_cloud(folder: Path, module: str = "moto.server") -> Iterator[Cloud]:
    """Run the account until the block ends."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with (folder / "cloud.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "-p", str(port)], cwd=ROOT, stdout=log, stderr=log
        )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("AWS_")
    } | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PATH": f"{AWS.parent}{os.pathsep}{os.environ['PATH']}",
    }

    def answers() -> bool:
        assert process.poll() is None, (folder / "cloud.log").read_text()
        try:
            with urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        wait_until(answers)
        yield Cloud(environment)
    finally:
        process.terminate()
        process.wait(PATIENCE)
