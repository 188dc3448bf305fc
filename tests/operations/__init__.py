"""Of the pages for operators: the recipes of docs/operations, whose commands are run, and the alert rules of deploy/."""
