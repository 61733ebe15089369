"""The housekeeper: what has to be done although nobody asks for it.

One thread of each server wants the *office*; who has it, by a lease in the database, takes a *round* every minute. A
round is a few *steps*, each of which may be done twice, by two servers or again after a crash, with no other result
than being done once. A *condition* (a client is silent, a backup is overdue) is noticed by a step and kept as an alarm;
people are told when it begins and when it is over.
"""
