"""What several test files share: plain functions, records and servers. Fixtures are in conftest."""
