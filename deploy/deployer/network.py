"""Who may connect, and which subnets a stack goes into: checked before anything is built."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from deployer.aws import Aws, asking, error_code
from deployer.errors import ArgumentsError

WIDEST_PLAIN = 8
"""Shortest prefix that may connect without HTTPS: no organisation was ever given more than a /8."""

ZONES = 2


def normalise_range(text: str) -> str:
    """Return an IPv4 range as CloudFormation takes it: an address alone is a range of one.

    Raises
    ------
    ArgumentsError
        If it is none, or if its address is not the first of the range: then either the address or
        the prefix is a mistake, and the range that was meant is not known.
    """
    try:
        interface = ipaddress.IPv4Interface(text.strip())
    except ValueError:
        raise ArgumentsError(
            f"AllowedCidr={text}: has to be an IPv4 range like 203.0.113.7/32"
        ) from None
    network = interface.network
    if interface.ip != network.network_address:
        raise ArgumentsError(
            f"AllowedCidr={text}: {interface.ip} with /{network.prefixlen} means {network}, "
            f"{network.num_addresses} addresses; say {network} for all of them, or "
            f"{interface.ip}/32 for the one"
        )
    return str(network)


def check_exposure(cidr: str, *, encrypted: bool) -> None:
    """Refuse a range that covers much of the internet where there is no HTTPS.

    Parameters
    ----------
    cidr : str
        As the stack has it or will have it.
    encrypted : bool
        Whether the stack has a certificate.
    """
    prefix = ipaddress.IPv4Interface(cidr).network.prefixlen
    if prefix < WIDEST_PLAIN and not encrypted:
        raise ArgumentsError(
            f"AllowedCidr={cidr} is wider than /{WIDEST_PLAIN} and opens plain HTTP to much of the "
            "internet, where anybody on the way can read and change records; give a CertificateArn "
            "(deploy/ecs.yaml), or the range that needs it"
        )


def choose_network(aws: Aws, requested: Mapping[str, str]) -> dict[str, str]:
    """Return VpcId and Subnets for a new stack.

    Subnets that are given say which VPC it is. Without them it is the default VPC, and two of its
    subnets: each zone has an address of the load balancer, which costs as much as a small task.
    """
    if requested.get("Subnets"):
        return {"VpcId": _vpc_of(_subnets(aws, _split(requested["Subnets"])))}
    if requested.get("VpcId"):
        raise ArgumentsError("VpcId needs Subnets: which of the VPC's subnets are public?")
    with asking("the default VPC"):
        answer = aws.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])
        vpcs = [vpc["VpcId"] for vpc in answer["Vpcs"]]
    if not vpcs:
        raise ArgumentsError("there is no default VPC; name public subnets with Subnets=...")
    return {"VpcId": vpcs[0], "Subnets": ",".join(_default_subnets(aws, vpcs[0]))}


def _default_subnets(aws: Aws, vpc: str) -> list[str]:
    filters = [
        {"Name": "vpc-id", "Values": [vpc]},
        {"Name": "default-for-az", "Values": ["true"]},
    ]
    with asking(f"the subnets of {vpc}"):
        answer = aws.ec2.describe_subnets(Filters=filters)
        by_zone = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in answer["Subnets"]}
    if len(by_zone) < ZONES:
        raise ArgumentsError(f"{vpc} has default subnets in {len(by_zone)} zones; name Subnets=...")
    return [by_zone[zone] for zone in sorted(by_zone)[:ZONES]]


def check_network(aws: Aws, parameters: Mapping[str, str], *, balanced: bool) -> None:
    """Refuse subnets that are not there, not in the stack's VPC, or all in one zone.

    Parameters
    ----------
    aws : Aws
    parameters : mapping
        As the stack will have them.
    balanced : bool
        Whether there is a load balancer, which needs two zones.
    """
    subnets = _subnets(aws, _split(parameters["Subnets"]))
    tasks = _split(parameters.get("TaskSubnets", ""))
    vpc = _vpc_of([*subnets, *(_subnets(aws, tasks) if tasks else [])])
    if parameters["VpcId"] != vpc:
        raise ArgumentsError(f"the subnets are in {vpc}, and VpcId is {parameters['VpcId']}")
    if balanced and len({subnet["AvailabilityZone"] for subnet in subnets}) < ZONES:
        raise ArgumentsError(
            "Subnets have to be in two zones or more: the load balancer needs them"
        )


def _subnets(aws: Aws, ids: list[str]) -> list[dict[str, Any]]:
    with asking("the subnets"):
        try:
            subnets = list(aws.ec2.describe_subnets(SubnetIds=ids)["Subnets"])
            keys = {(subnet["VpcId"], subnet["AvailabilityZone"]) for subnet in subnets}
        except ClientError as error:
            if error_code(error) in ("InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed"):
                raise ArgumentsError(f"{','.join(ids)}: a subnet is not in this region") from error
            raise
        if not keys or {subnet["SubnetId"] for subnet in subnets} != set(ids):
            raise ValueError(sorted(ids))
    return subnets


def _vpc_of(subnets: list[dict[str, Any]]) -> str:
    vpcs = sorted({str(subnet["VpcId"]) for subnet in subnets})
    if len(vpcs) > 1:
        raise ArgumentsError(f"the subnets are in several VPCs: {', '.join(vpcs)}")
    return vpcs[0]


def _split(subnets: str) -> list[str]:
    return [subnet.strip() for subnet in subnets.split(",") if subnet.strip()]
