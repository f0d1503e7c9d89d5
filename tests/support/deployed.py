"""A stack of the deployment templates in moto's account, and what its template says."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.cloudformation import Stack, read_template
from tests.support.moto_server import Account
from tests.support.shipped import ROOT

NAME = "segmentation"


@dataclass(frozen=True)
class Deployed:
    """A stack in the account, and what its template says."""

    account: Account
    template: str
    parameters: dict[str, str]

    def ids(self) -> dict[str, str]:
        """Return the physical names of its resources, by their logical ones."""
        described = self.account.client("cloudformation").describe_stack_resources(StackName=NAME)
        return {
            resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
            for resource in described["StackResources"]
            if resource.get("LogicalResourceId")
        }

    def outputs(self) -> dict[str, str]:
        """Return its outputs."""
        described = self.account.client("cloudformation").describe_stacks(StackName=NAME)
        (stack,) = described["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def meant(self) -> Stack:
        """Return what the template says, with the names that the account has given."""
        template = read_template(ROOT / "deploy" / self.template)
        ids = {f"ref:{name}": value for name, value in self.ids().items()}
        balancers = self.account.client("elbv2").describe_load_balancers()["LoadBalancers"]
        for balancer in balancers:
            arn = balancer["LoadBalancerArn"]
            ids["att:LoadBalancer.LoadBalancerFullName"] = arn.partition("loadbalancer/")[2]
        for group in ("TargetGroup", "AlternateTargetGroup"):
            full = ids.get(f"ref:{group}", "").partition("targetgroup")[2]
            ids[f"att:{group}.TargetGroupFullName"] = f"targetgroup{full}"
        if "ref:Service" in ids:
            ids["att:Service.Name"] = ids["ref:Service"].rpartition("/")[2]
        if "ref:Bucket" in ids:
            ids["att:Bucket.Arn"] = f"arn:aws:s3:::{ids['ref:Bucket']}"
        return Stack(template, self.parameters, ids)


def create(account: Account, template: str, **parameters: str) -> Deployed:
    """Create the stack, in the account's default network."""
    parameters_value = account.network() | {"AllowedCidr": "203.0.113.7/32"} | parameters
    account.client("cloudformation").create_stack(
        StackName=NAME,
        TemplateBody=(ROOT / "deploy" / template).read_text(),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in parameters_value.items()
        ],
        Capabilities=["CAPABILITY_IAM"],
    )
    return Deployed(account, template, parameters_value)
