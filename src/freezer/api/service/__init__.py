"""What the API does with records, one module per kind; each function works inside one unit of the store."""
