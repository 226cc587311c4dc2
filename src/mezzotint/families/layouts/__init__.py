"""Tables of the names that published files give to weights, one file a layout. Data only."""
