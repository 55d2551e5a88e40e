-- Nodes and items of PubSub services; a user's bare address is the service of their personal events (XEP-0163).
CREATE TABLE pubsub_node (
    service TEXT COLLATE "C" NOT NULL,
    node TEXT COLLATE "C" NOT NULL,
    config TEXT NOT NULL,
    PRIMARY KEY (service, node)
);

CREATE TABLE pubsub_item (
    service TEXT COLLATE "C" NOT NULL,
    node TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    place BIGINT NOT NULL,
    publisher TEXT NOT NULL,
    at BIGINT NOT NULL,
    payload BYTEA NOT NULL,
    PRIMARY KEY (service, node, id),
    FOREIGN KEY (service, node) REFERENCES pubsub_node (service, node) ON DELETE CASCADE
);
CREATE UNIQUE INDEX pubsub_item_place ON pubsub_item (service, node, place);

-- XML that belongs to a user: the card (XEP-0054) and private storage (XEP-0049), by namespace and name.
CREATE TABLE user_document (
    owner TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (owner, kind)
);

-- Who may not reach a user (XEP-0191).
CREATE TABLE blocked (
    owner TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (owner, address)
);
