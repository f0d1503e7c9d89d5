"""The public address of a task, where there is no load balancer in front of it."""

from __future__ import annotations

from deployer.aws import Aws, asking
from deployer.errors import QuestionError
from deployer.stack import Stack

PORT = 9696


def task_address(aws: Aws, stack: Stack) -> str:
    """Return the address of a task of the revision that the service has now.

    Raises
    ------
    QuestionError
        While there is none.
    """
    cluster, service = stack.output("ClusterName"), stack.output("ServiceName")
    with asking(f"the tasks of {service}"):
        (described,) = aws.ecs.describe_services(cluster=cluster, services=[service])["services"]
        tasks = aws.ecs.list_tasks(cluster=cluster, serviceName=service)["taskArns"]
        if not tasks:
            raise QuestionError(f"{service} has no task")
        # The one before may still be stopping.
        cards = [
            detail["value"]
            for task in aws.ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"]
            if task["taskDefinitionArn"] == described["taskDefinition"]
            for attachment in task["attachments"]
            for detail in attachment["details"]
            if detail["name"] == "networkInterfaceId"
        ]
        if not cards:
            raise QuestionError(f"{service} has no task of the new revision yet")
        answer = aws.ec2.describe_network_interfaces(NetworkInterfaceIds=cards[:1])
        (interface,) = answer["NetworkInterfaces"]
        return f"http://{interface['Association']['PublicIp']}:{PORT}"
