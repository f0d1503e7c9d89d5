"""Estimates what the two stacks cost a month, at list prices: ``python -m scripts.aws_cost``.

No taxes, discounts, free tier or data out to the internet. The prices are of us-east-1, in US
dollars, as published in March 2026; look at AWS's price pages before you rely on them.
"""

from __future__ import annotations

import sys

HOURS = 730
VCPU, GIBIBYTE = 0.04048, 0.004445  # per hour, x86
ARM_VCPU, ARM_GIBIBYTE = 0.03238, 0.00356
ADDRESS = 0.005  # public IPv4, per hour
BALANCER, LCU = 0.0225, 0.008  # per hour
LOGS = 0.50  # per GB
NAT = 0.045  # per hour, and as much per GB
ALARM = 0.10  # per metric that an alarm looks at, a month


def task(vcpu: float, memory: float, *, arm: bool = False) -> float:
    """Return the price of a task for a month."""
    prices = (ARM_VCPU, ARM_GIBIBYTE) if arm else (VCPU, GIBIBYTE)
    return HOURS * (vcpu * prices[0] + memory * prices[1])


def rows() -> list[tuple[str, str, float, float]]:
    """Return what is paid for, the arithmetic, and the price in ecs.yaml and ecs-minimal.yaml."""
    return [
        (
            "tasks",
            f"2 * (0.5 vCPU * {VCPU} + 1 GiB * {GIBIBYTE}) * {HOURS} h; "
            f"minimal: 0.25 vCPU, 0.5 GiB, once",
            2 * task(0.5, 1),
            task(0.25, 0.5),
        ),
        (
            "public addresses",
            f"2 tasks and 2 zones of the load balancer * {ADDRESS} * {HOURS} h; minimal: 1",
            4 * ADDRESS * HOURS,
            ADDRESS * HOURS,
        ),
        (
            "load balancer",
            f"({BALANCER} + 1 capacity unit * {LCU}) * {HOURS} h",
            (BALANCER + LCU) * HOURS,
            0.0,
        ),
        ("alarms", f"5 metrics * {ALARM:.2f}", 5 * ALARM, 0.0),
        ("logs", f"1 GB * {LOGS:.2f}, some 4 million requests", LOGS, LOGS),
    ]


def table() -> str:
    """Return the estimate as a table in Markdown."""
    lines = [
        "| what | how it is worked out | `ecs.yaml` | `ecs-minimal.yaml` |",
        "|---|---|---:|---:|",
    ]
    lines += [f"| {what} | {how} | {full:.2f} | {least:.2f} |" for what, how, full, least in rows()]
    full, least = (sum(row[column] for row in rows()) for column in (2, 3))
    lines.append(f"| **a month** | US dollars | **{full:.0f}** | **{least:.0f}** |")
    saved = 2 * (task(0.5, 1) - task(0.5, 1, arm=True))
    lines.append(
        f"| with `Architecture=ARM64` | less for the tasks | {full - saved:.0f} | "
        f"{least - task(0.25, 0.5) + task(0.25, 0.5, arm=True):.0f} |"
    )
    lines.append(
        f"| a NAT gateway, which neither has | {NAT} * {HOURS} h, and {NAT} per GB "
        f"| {NAT * HOURS:.2f} | {NAT * HOURS:.2f} |"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
