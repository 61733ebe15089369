"""Which jobs there are: files of a directory, the feed of our API, or the lists of the original's."""
