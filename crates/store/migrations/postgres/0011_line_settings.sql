-- What the users of lines have set for them, as JSON.
CREATE TABLE line_settings (
    number TEXT NOT NULL,
    partition_name TEXT NOT NULL,
    settings TEXT NOT NULL,
    PRIMARY KEY (number, partition_name),
    FOREIGN KEY (number, partition_name) REFERENCES line (number, partition_name) ON DELETE CASCADE
);
