"""Settings from TOML files: read into structs, every mistake told with its place."""
