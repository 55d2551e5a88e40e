-- Nodes and items of PubSub services; a user's bare address is the service of their personal events (XEP-0163).
CREATE TABLE pubsub_node (
    service TEXT NOT NULL,
    node TEXT NOT NULL,
    config TEXT NOT NULL,
    PRIMARY KEY (service, node)
) STRICT, WITHOUT ROWID;

CREATE TABLE pubsub_item (
    service TEXT NOT NULL,
    node TEXT NOT NULL,
    id TEXT NOT NULL,
    place INTEGER NOT NULL,
    publisher TEXT NOT NULL,
    at INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (service, node, id),
    FOREIGN KEY (service, node) REFERENCES pubsub_node (service, node) ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX pubsub_item_place ON pubsub_item (service, node, place);

-- XML that belongs to a user: the card (XEP-0054) and private storage (XEP-0049), by namespace and name.
CREATE TABLE user_document (
    owner TEXT NOT NULL,
    kind TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (owner, kind)
) STRICT, WITHOUT ROWID;

-- Who may not reach a user (XEP-0191).
CREATE TABLE blocked (
    owner TEXT NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (owner, address)
) STRICT, WITHOUT ROWID;
