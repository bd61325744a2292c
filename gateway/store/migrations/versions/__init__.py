"""The revisions, oldest first. Never change one that was released."""
