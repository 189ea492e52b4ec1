"""HTTP over libcurl, many exchanges at once, and single calls through requests; both bounded in bytes and time."""
