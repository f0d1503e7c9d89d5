"""The tests. They import ``tests.support`` and never one another; nothing outside imports them."""
