"""The smoke test before the traffic: a new revision waits behind a test address for its verdict.

The service's life-cycle hook waits, once the test listener leads to the new tasks, for a parameter
of SSM that says ``passed`` or ``failed``, and fails by itself if none comes. Templates without
the outputs ``TestUrl`` and ``VerdictParameter`` have no such hook, and nothing happens here.
"""

from __future__ import annotations

import contextlib

from deployer.aws import Aws, asking
from deployer.errors import QuestionError
from deployer.reporting import say
from deployer.smoke import SmokeTest
from deployer.stack import Stack

_WAITING = "POST_TEST_TRAFFIC_SHIFT"


class TestTraffic:
    """Tests the revisions of a service that wait for their verdict, each once.

    Parameters
    ----------
    aws : Aws
    smoke_test : SmokeTest or None
        None lets every revision pass.
    prefix : str or None
        Where verdicts are looked for, if the stack does not say it yet.

    Attributes
    ----------
    complaint : str or None
        What was wrong with the one that failed.
    """

    __test__ = False  # for pytest

    def __init__(self, aws: Aws, smoke_test: SmokeTest | None, prefix: str | None = None) -> None:
        self.complaint: str | None = None
        self._prefix = prefix
        self._aws, self._smoke_test = aws, smoke_test
        self._verdicts: dict[str, str] = {}
        self._written: set[str] = set()
        self._problem = ""

    def look(self, stack: Stack) -> None:
        """Test what waits now. A question that fails is asked again with the next look."""
        prefix = stack.outputs.get("VerdictParameter", self._prefix)
        if not prefix or "ClusterName" not in stack.outputs:
            return
        try:
            for revision in self._waiting_revisions(stack):
                self._decide(stack, f"{prefix.rstrip('/')}/{revision.rpartition('/')[2]}")
        except QuestionError as error:
            if str(error) != self._problem:
                say(f"{error}; asking again")
            self._problem = str(error)

    def forget(self) -> None:
        """Delete the verdicts, which nobody needs any more; a few that stay do no harm."""
        for name in self._written:
            with contextlib.suppress(QuestionError), asking(f"deleting {name}"):
                self._aws.ssm.delete_parameter(Name=name)

    def _decide(self, stack: Stack, name: str) -> None:
        if name in self._written:
            return
        if name not in self._verdicts:
            self._verdicts[name] = "passed" if self._passes(stack) else "failed"
        with asking(f"writing the verdict {name}"):
            self._aws.ssm.put_parameter(
                Name=name, Value=self._verdicts[name], Type="String", Overwrite=True
            )
        self._written.add(name)

    def _passes(self, stack: Stack) -> bool:
        """Test a revision; one that ran before is not tested again on the way back to it."""
        if self._smoke_test is None or stack.goes_back:
            return True
        url = stack.outputs.get("TestUrl")
        if url is None:  # the update that brings it
            say("the stack has no test address yet; the new tasks are asked when they have traffic")
            return True
        say("asking the new tasks, before they get traffic")
        # Its own name is in no certificate.
        self.complaint = self._smoke_test.complaint(lambda: url, any_name=True)
        if self.complaint:
            say(f"{self.complaint}; they get none")
        return self.complaint is None

    def _waiting_revisions(self, stack: Stack) -> list[str]:
        """Return the ARNs of the revisions that wait for a verdict."""
        cluster = stack.outputs["ClusterName"]
        with asking(f"the deployments in {cluster}"):
            deployments = [
                deployment["serviceDeploymentArn"]
                for service in self._services(stack, cluster)
                for deployment in self._aws.ecs.list_service_deployments(
                    cluster=cluster, service=service, status=["IN_PROGRESS"]
                )["serviceDeployments"]
            ]
            if not deployments:
                return []
            answer = self._aws.ecs.describe_service_deployments(serviceDeploymentArns=deployments)
            return [
                deployment["targetServiceRevision"]["arn"]
                for deployment in answer["serviceDeployments"]
                if deployment.get("lifecycleStage") == _WAITING
            ]

    def _services(self, stack: Stack, cluster: str) -> list[str]:
        """Return the stack's service; while it is made, its name is in no output yet."""
        if "ServiceName" in stack.outputs:
            return [stack.outputs["ServiceName"]]
        return list(self._aws.ecs.list_services(cluster=cluster)["serviceArns"])
