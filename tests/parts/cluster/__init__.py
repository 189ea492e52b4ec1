"""A real cluster on loopback: three etcd, three Patroni with PostgreSQL, HAProxy in front of them, PgBouncer before it.

with Cluster() as cluster:
    cluster.kill(cluster.leader())
    cluster.await_order()
"""
