"""The shapes that HTTP takes (`…Body`) and gives (`…View`); the command line's JSON has the same."""
