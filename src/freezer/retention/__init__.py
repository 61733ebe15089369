"""Which backups stay, and why: pure arithmetic, the same for every engine.

An *item* is anything that is kept or removed as one: a backup. It may *need* other items (an increment its base).
Items that need each other, directly or not, form a *chain*; a *group* is what belongs together for a user (a backup
set), and rules count within one group. An item is *good* if everything it needs is there and readable.
``rules`` says which items a user wants kept, ``plan`` what that means for all of them.
"""
