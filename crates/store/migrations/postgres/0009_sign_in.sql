-- Tokens that clients sign in with (XEP-0484): what checks a token, not the token. A client has two at most,
-- the one that was given last and the one in use.
CREATE TABLE sign_in_token (
    jid TEXT NOT NULL REFERENCES users (jid) ON DELETE CASCADE,
    client TEXT NOT NULL,
    slot TEXT NOT NULL,
    mechanism TEXT NOT NULL,
    token_key TEXT NOT NULL,
    software TEXT NOT NULL,
    device TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (jid, client, slot)
);

-- Invitations to make an account (XEP-0401, XEP-0445): the hash of the token, how often it is still good.
CREATE TABLE invitation (
    token_hash TEXT NOT NULL PRIMARY KEY,
    username TEXT,
    inviter TEXT,
    uses_left BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
