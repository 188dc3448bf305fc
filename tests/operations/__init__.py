"""Tests of the recipes of docs/operations, whose commands they run, and of the alert rules of deploy/."""
