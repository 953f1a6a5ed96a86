"""Reads pages that were written elsewhere (.txt, .md, .html) so that they can become drafts.

Reading is pure: a file goes in, an ImportedPage comes out, nothing is stored. Only `drafts` touches
the database. What is not part of the article is reported, never dropped in silence.
"""
