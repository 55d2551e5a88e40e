-- Who may do what at a node, and who is told of its events (XEP-0060).
CREATE TABLE pubsub_affiliation (
    service TEXT NOT NULL,
    node TEXT NOT NULL,
    jid TEXT NOT NULL,
    affiliation TEXT NOT NULL,
    PRIMARY KEY (service, node, jid),
    FOREIGN KEY (service, node) REFERENCES pubsub_node (service, node) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX pubsub_affiliation_jid ON pubsub_affiliation (jid, service);

CREATE TABLE pubsub_subscription (
    service TEXT NOT NULL,
    node TEXT NOT NULL,
    jid TEXT NOT NULL,
    subscriber TEXT NOT NULL,
    state TEXT NOT NULL,
    options TEXT NOT NULL,
    PRIMARY KEY (service, node, jid),
    FOREIGN KEY (service, node) REFERENCES pubsub_node (service, node) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX pubsub_subscription_subscriber ON pubsub_subscription (subscriber, service);
