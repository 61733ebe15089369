"""The same commands within OpenStack's own program: ``openstack backup job list``.

``plugin`` is what python-openstackclient loads by its entry points, ``commands`` makes its command classes of ours.
This is the only room that knows osc-lib and cliff; nothing of ours imports it.
"""
