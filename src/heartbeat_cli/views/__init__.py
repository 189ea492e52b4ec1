"""All wording: tables, texts, JSON and pages made from values; reads no socket and no store."""
