-- Who did what as an administrator. Rows are added and never changed or taken out.
CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    how TEXT NOT NULL,
    address TEXT NOT NULL,
    act TEXT NOT NULL,
    target TEXT NOT NULL,
    before_state TEXT NOT NULL,
    after_state TEXT NOT NULL,
    result TEXT NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE FUNCTION audit_cannot_be_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log cannot be changed';
END;
$$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_cannot_be_changed();
CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_cannot_be_changed();

-- Administrators besides the first: the hash of the password, the second factor.
CREATE TABLE administrator (
    name TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    must_choose BIGINT NOT NULL,
    totp TEXT NOT NULL,
    totp_step BIGINT NOT NULL,
    recovery TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Tokens that programs administrate with: the hash of each, not the token.
CREATE TABLE api_token (
    id TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
