"""Where records are kept: a contract, what records are found by, and the stores."""
