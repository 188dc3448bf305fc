"""Alert rules, dashboards and runbooks."""
