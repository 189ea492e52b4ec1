"""From a sentence of ours to the reader's language: gettext catalogs, one `.po` file a language."""
