"""The configuration: read from TOML, checked as a whole, frozen; where its local files lie."""
