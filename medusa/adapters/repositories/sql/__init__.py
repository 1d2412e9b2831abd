"""Tasks, limits and quotas in an SQL database that all processes of a machine share."""
