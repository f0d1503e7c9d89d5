"""How many tasks a rate of requests needs: measured service times, a queueing model, a calculator.

``python -m benchmarks.capacity`` lists its commands; docs/capacity.md says what comes of them.
"""
