"""An empty AWS account inside of the test process: moto's own server, nothing in it changed.

moto keeps what there is in the process: one account at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer

REGION = "us-east-1"


@dataclass(frozen=True)
class Account:
    """The account, with nothing in it but a default VPC.

    Attributes
    ----------
    endpoint : str
    """

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 finds the account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str) -> Any:
        """Return boto3's client of a service."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106  # nobody's
        )

    def network(self) -> dict[str, str]:
        """Return the parameters that say where a stack goes: the default VPC, two subnets."""
        (vpc,) = self.client("ec2").describe_vpcs()["Vpcs"]
        subnets = self.client("ec2").describe_subnets()["Subnets"]
        names = sorted(subnet["SubnetId"] for subnet in subnets)
        return {"VpcId": vpc["VpcId"], "Subnets": ",".join(names[:2])}


@contextmanager
def empty_account() -> Iterator[Account]:
    """Run the account until the block ends."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        reset = Request(f"{endpoint}/moto-api/reset", method="POST")
        with urlopen(reset, timeout=30):
            yield Account(endpoint)
    finally:
        server.stop()
