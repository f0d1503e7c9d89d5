"""The stacks are created and deleted on plain moto: without a service, with one, with HTTPS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.support.deployed import NAME, create
from tests.support.moto_server import Account, empty_account

# Of types that moto can't create; test_deploy_stack lists them.
pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse AWS:UserWarning:moto")


@pytest.fixture
def account() -> Iterator[Account]:
    """Return an empty account."""
    with empty_account() as started:
        yield started


@pytest.mark.parametrize("template", ["ecs.yaml", "ecs-minimal.yaml"])
def test_a_stack_begins_without_a_service(account: Account, template: str) -> None:
    """With a repository for the first image, and what the deployment needs to know."""
    stack = create(account, template)
    assert {"Service", "TaskDefinition"}.isdisjoint(stack.ids())
    assert stack.outputs()["RepositoryUri"].endswith(f"/{NAME}")
    assert ("TestUrl" in stack.outputs()) is (template == "ecs.yaml")


@pytest.mark.parametrize("template", ["ecs.yaml", "ecs-minimal.yaml"])
def test_a_stack_has_its_service_and_goes_but_for_the_bucket(
    account: Account, template: str
) -> None:
    """Nothing else that costs something is left."""
    stack = create(account, template, ImageTag="first")
    ecs = account.client("ecs")
    cluster, name = stack.outputs()["ClusterName"], stack.outputs()["ServiceName"]
    (service,) = ecs.describe_services(cluster=cluster, services=[name])["services"]
    assert service["taskDefinition"].endswith(f"/{NAME}:1")
    account.client("cloudformation").delete_stack(StackName=NAME)
    with pytest.raises(ClientError):
        stack.outputs()
    assert account.client("iam").list_roles()["Roles"] == []
    assert account.client("ecr").describe_repositories()["repositories"] == []
    buckets = account.client("s3").list_buckets()["Buckets"]
    assert len(buckets) == (1 if template == "ecs.yaml" else 0)


def test_with_a_certificate_everything_is_https(account: Account) -> None:
    """The way in by HTTPS is opened, HTTP only redirects, and the test listener has TLS, too."""
    request = account.client("acm").request_certificate(DomainName="score.example.com")
    stack = create(
        account,
        "ecs.yaml",
        AllowedCidr="0.0.0.0/0",
        CertificateArn=request["CertificateArn"],
    )
    elb = account.client("elbv2")
    listeners = elb.describe_listeners(LoadBalancerArn=stack.ids()["LoadBalancer"])["Listeners"]
    ways = {
        listener["Port"]: (listener["Protocol"], listener["DefaultActions"][0]["Type"])
        for listener in listeners
    }
    assert ways == {
        80: ("HTTP", "redirect"),
        443: ("HTTPS", "forward"),
        9000: ("HTTPS", "forward"),
    }
    assert "HttpsIngress" in stack.ids()
    assert stack.outputs()["Url"].startswith("https://")
    assert stack.outputs()["TestUrl"].startswith("https://")
