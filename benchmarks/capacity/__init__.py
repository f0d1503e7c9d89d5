"""How many tasks a rate of requests needs: a generator of load, what one core answers, a formula.

``python -m benchmarks.capacity`` lists the commands; docs/capacity.md says what follows from them.
"""
